"""What `--help` prints: the main job, groups with their options, examples. Read off the folders, as that is quick."""

from collections.abc import Iterator, Sequence
from pathlib import Path

_HEAD = """retrieval_kd trains small, fast retrievers by distilling stronger ones.

The main job, on text that every machine has:

  {program} teacher=colbert loss=self_otf

Words are group=option or group.key=value. Groups and their options, the default marked *:
"""

_TAIL = """
At the root: seed, stage (run only this one), fresh (make this one and what descends from it again), dry_run (print the
plan, run nothing), save_every (steps between checkpoints), artifacts (the folder that everything is written to).

Examples:

  {program} teacher=cross_encoder loss=listwise_kl         trains the cross-encoder first, then distils it
  {program} teacher=cross_encoder loss=listwise_kl teacher.cross.checkpoint=my/cross_encoder
  {program} corpus=beir corpus.path=my/collection          your own collection
  {program} 'corpus.packages=[stdlib,torch]'               a retriever for your own code base
  {program} experiment=tct_colbert dry_run=true            a recipe's plan: stages, keys, what is made already
  {program} -m experiment=tct_colbert,ernie_search         several recipes, one table
  {program} optim.steps=20 +at.train.optim.lr=1e-4         a value for all stages; one for a single stage

-m (--multirun) runs every combination of values given with commas; --cfg job shows every key with its value;
--config-dir=<folder> adds option files of your own, and plugins=[my_package] lets them name its classes;
--hydra-help tells about Hydra itself.

Other commands:
  {program} record experiment=adam     appends a recipe's sealed evaluations to its record, and renders its table
  {program} data PATH                  what a file or folder is taken for, what it holds, how to train on it; --json
  {program} verify                     reads all artifacts again and names what is damaged
  {program} clean                      lists and removes what no recipe refers to (caches=true: caches too)
  {program} replay FOLDER              runs the step of a training again whose loss or gradient was not finite
"""

_PARTS = ("scorer", "stages", "hydra")  # groups that other options are made of


def help_text(folders: Sequence[Path], *, program: str) -> str:
    """The help for option files in these folders, the first of which has config.yaml."""
    chosen = dict(_defaults(folders[0] / "config.yaml"))
    groups = sorted({group.name for folder in folders for group in folder.iterdir() if group.is_dir()} - {*_PARTS})
    width = max(map(len, groups), default=0)
    lines = [f"  {group:<{width}}  {' '.join(_options(group, folders, chosen.get(group)))}" for group in groups]
    return "\n".join([_HEAD.format(program=program), *lines, _TAIL.format(program=program)])


def _options(group: str, folders: Sequence[Path], chosen: str | None) -> Iterator[str]:
    options = {
        path.relative_to(folder / group).with_suffix("").as_posix()
        for folder in folders
        for path in (folder / group).glob("**/*.yaml" if group == "experiment" else "*.yaml")
    }
    for name in sorted(options):
        yield f"{name}*" if name == chosen else name


def _defaults(config: Path) -> Iterator[tuple[str, str]]:
    """(group, option) of the defaults list, which stands first in the file."""
    for line in config.read_text(encoding="utf-8").splitlines():
        group, colon, option = line.partition("#")[0].strip().removeprefix("- ").partition(": ")
        if line.startswith("  - ") and colon:
            yield group, option.strip()
        elif line and not line.startswith((" ", "#", "defaults")):
            return
