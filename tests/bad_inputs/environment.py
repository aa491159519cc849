"""Surroundings in which nothing can run: variables, folders, streams."""

from tests.bad_inputs.row import Place, Row

RANKS = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")


def _at_a_file(place: Place) -> list[str]:
    return [f"artifacts={place.file('artifacts', 'x')}"]


def _below_a_file(place: Place) -> list[str]:
    return [f"artifacts={place.file('file', 'x') / 'artifacts'}"]


def _read_only(place: Place) -> list[str]:
    return ["artifacts=/proc/artifacts"]


def _link_to_nowhere(place: Place) -> list[str]:
    (place.inputs / "link").symlink_to(place.inputs / "nowhere" / "at" / "all")
    return [f"artifacts={place.inputs / 'link'}"]


ROWS = (
    Row("slurm_tasks_no_number", (), ("SLURM_NTASKS='abc'",), {"SLURM_NTASKS": "abc"}, quick=True),
    Row("slurm_rank_no_number", (), ("SLURM_PROCID",), {"SLURM_NTASKS": "2", "SLURM_PROCID": "x"}),
    Row("slurm_rank_beyond", (), ("SLURM_PROCID=7",), {"SLURM_NTASKS": "2", "SLURM_PROCID": "7"}),
    Row("rank_beyond", (), ("RANK=5", "WORLD_SIZE=2"), {"RANK": "5", "WORLD_SIZE": "2"}, quick=True),
    Row("rank_negative", (), ("RANK='-1'",), {"RANK": "-1", "WORLD_SIZE": "2"}),
    Row("rank_no_number", (), ("RANK='x'",), {"RANK": "x", "WORLD_SIZE": "2"}),
    Row("world_no_number", (), ("WORLD_SIZE='abc'",), {"RANK": "0", "WORLD_SIZE": "abc"}),
    Row("world_of_0", (), ("WORLD_SIZE=0",), {"RANK": "0", "WORLD_SIZE": "0"}),
    Row("world_that_nobody_asked_for", (), ("2 processes",), {"RANK": "0", "WORLD_SIZE": "2"}),
    Row("local_rank_no_number", ("machine.devices=2",), ("LOCAL_RANK='x'",),
        {"RANK": "0", "WORLD_SIZE": "2", "LOCAL_RANK": "x"}),
    Row("wandb_mode_weird", ("tracking=wandb",), ("WANDB_MODE=weird", "offline"), {"WANDB_MODE": "weird"}, quick=True),
    Row("artifacts_at_a_file", _at_a_file, ("artifacts=", "folder"), quick=True),
    Row("artifacts_below_a_file", _below_a_file, ("artifacts", "folder")),
    Row("artifacts_where_nothing_can_be_made", _read_only, ("artifacts=/proc/artifacts", "folder")),
    Row("artifacts_at_a_broken_link", _link_to_nowhere, ("link", "folder")),
    Row("no_working_folder", (), ("working folder", "change into"), apart=True, before='rmdir "$PWD"'),
    Row("weights_in_the_home_of_nobody", ("student.backbone=~nobody_at_all/model",), ("~nobody_at_all/model", "give")),
    Row("collection_in_the_home_of_nobody", ("corpus.path=~nobody_at_all/data",), ("~nobody_at_all/data", "give")),
)  # fmt: skip
