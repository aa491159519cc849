"""Where Hydra and W&B live: from words on a command line to sealed artifacts.

Here: what a word means (words, options, recipe, said), which stages stay and what each is keyed by (reads, wiring,
outside, stage, plan), what is refused before anything loads (check, check_train, signatures, reach), how a stage is run
and sealed (launch, children, perform, artifacts), what is shown (help, report, sweep). stages/ holds the verbs, one
function each; build is the one place where config becomes objects, helped by scorers and rankers.

Not here: arithmetic on tensors. No other room imports this one.

To add a verb: stages/<verb>.py with `REVISION` and one function `(config, work) -> metrics`; its name in schema.VERBS,
and what it reads in reads.READS.
"""
