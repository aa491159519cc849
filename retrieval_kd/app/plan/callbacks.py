"""Lightning's own callbacks: which only look on and change nothing of what is learned, and what to give instead of
those that do. One from an outside package is taken to change it, and is part of the key of what it helps to train.
"""

_OWN = "pytorch_lightning.callbacks."

ONLOOKERS = frozenset(f"{_OWN}{name}" for name in ("DeviceStatsMonitor", "LearningRateMonitor", "RichModelSummary"))

_STEPS = "a training takes optim.steps steps, and has no validation to stop by; set optim.steps"
_STATES = "the states to go on from are the framework's own; set save_every"
_BAR = "the bar is shown on a terminal, and lines are logged elsewhere"
_BATCH = "a step sees data.queries_per_step queries, in groups of optim.tokens_per_group tokens; set these"
_WEIGHTS = "what is saved is what the optimiser made: an average of weights is not offered"
INSTEAD = {
    f"{_OWN}{name}": why
    for name, why in {
        "BackboneFinetuning": "the loss names who learns, and a learner trains whole",
        "BaseFinetuning": "the loss names who learns, and a learner trains whole",
        "BasePredictionWriter": "a training predicts nothing: the stages mine, score and evaluate write runs",
        "BatchSizeFinder": _BATCH,
        "Checkpoint": _STATES,
        "EarlyStopping": _STEPS,
        "EMAWeightAveraging": _WEIGHTS,
        "GradientAccumulationScheduler": _BATCH,
        "LambdaCallback": "a config holds no functions: write a callback of your own",
        "LearningRateFinder": "the rate is optim.lr: try some with -m optim.lr=1e-5,1e-4",
        "ModelCheckpoint": _STATES,
        "ModelPruning": "a student is made smaller by student.layers",
        "ModelSummary": "it writes where nobody reads: give callbacks=model_summary",
        "OnExceptionCheckpoint": _STATES,
        "ProgressBar": _BAR,
        "RichProgressBar": _BAR,
        "SpikeDetection": "it leaves out batches: lower optim.clip or optim.lr",
        "StochasticWeightAveraging": _WEIGHTS,
        "ThroughputMonitor": "queries_per_second and real_tokens_per_second are logged anyway",
        "Timer": "what ends by the clock ends elsewhere each time; set optim.steps, or send SIGUSR1 to save and go on",
        "TQDMProgressBar": _BAR,
        "WeightAveraging": _WEIGHTS,
    }.items()
}
