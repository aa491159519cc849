"""Plan to artifacts: each stage that is not sealed is made under a lock, in one process or several, and sealed.

Here: `execute_plan` (what is made, in order), `run_stage` (one stage in this process), `torchrun` (in several),
`artifacts` and `manifest` (what is whole, and what made it), `open_artifact` (a sealed one, as an object).

Not here: what a stage does (stages/), what is printed of it (report/).

To add a launcher: a module beside `torchrun`, called in `execute_plan`.
"""
