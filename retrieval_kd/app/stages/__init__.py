"""The verbs of a recipe: train, mine, score, evaluate.

Here: one file a verb, with `REVISION` (raised whenever the verb's numbers may change) and one function
`(config, work) -> metrics`. `config` holds only what the verb reads, artifacts already turned into paths; `work` is the
folder being filled.

Not here: plans, keys, sealing. A stage does not know which recipe it stands in.

To add one: see the sign of app/.
"""
