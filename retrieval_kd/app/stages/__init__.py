"""What each kind of stage does: train, mine, score, evaluate.

Here: one file a kind, with one function `(config, work) -> metrics`, and one that helps it from other processes where
work can be shared. `config` holds only what the kind reads, artifacts already turned into paths; `work` is the folder
being filled. `load_scorer` opens a saved scorer from its folder alone.

Not here: plans, keys, sealing. A stage does not know which recipe it stands in.

To add one: its function here, and its declaration in `plan/stage_kinds.py`.
"""
