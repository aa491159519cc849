"""Lightning's own loggers where a stage asks one thing more of them."""

from collections.abc import Mapping
from typing import Any

from pytorch_lightning.loggers import MLFlowLogger, WandbLogger


class FinishingWandbLogger(WandbLogger):
    """W&B's, over a run that was begun: its x-axis is the optimiser step, and its end is the run's."""

    def __init__(self, *, experiment: Any, id: str) -> None:
        super().__init__(experiment=experiment, id=id)
        experiment.define_metric("trainer/global_step")
        experiment.define_metric("*", step_metric="trainer/global_step", step_sync=True)

    def finalize(self, status: str) -> None:
        super().finalize(status)
        self.experiment.finish(exit_code=0 if status == "success" else 1)


class RenamingMLFlowLogger(MLFlowLogger):
    """MLflow's, which has no @ in names: nDCG@10 is nDCG_at_10 there. A run that is gone on with is running again."""

    def __init__(self, *, run_id: str | None, **arguments: Any) -> None:
        super().__init__(run_id=run_id, **arguments)
        if run_id is not None:
            self.experiment.update_run(run_id, status="RUNNING")

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        super().log_metrics({key.replace("@", "_at_"): value for key, value in metrics.items()}, step)
