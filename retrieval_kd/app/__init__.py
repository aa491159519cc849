"""Where Hydra and W&B live: from the arguments of a command line to sealed artifacts, one way through six rooms.

Here: cli (what was typed), plan (what it means), check (what is refused), stages (what each kind of stage does),
execute (plan to artifacts), report (artifacts to tables). Each imports only what stands before it; `main`, `jobs` and
`run_plan` walk through them (`housekeeping` looks after what they left), and `from_python` does for a Python caller
what `main` does for a command line. Each hand-over is plain data: arguments, overrides, a config for each stage, a
plan, sentences, artifacts.

Not here: arithmetic on tensors. No other room imports this one.

To add a kind of stage: its declaration in plan/stage_kinds.py, and its function in stages/.
"""
