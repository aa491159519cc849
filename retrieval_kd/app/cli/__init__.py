"""What was typed: arguments taken apart, overrides read once by Hydra's own parser, help, errors and status lines.

Here: `arguments` (flags, overrides, subcommands), `overrides` (what each says), `schema` (the root's keys),
`conf_folder` and `hydra_cache` (where option files lie, read once), `process_env` (which of several processes this is).

Not here: what an override means for a recipe. Nothing of app/ is imported.

To add a subcommand: its name in `arguments.COMMANDS`, and what it does in main.
"""
