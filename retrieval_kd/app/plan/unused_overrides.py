"""Where each override of the command line arrives: one without effect is a fault, one that a stage ignores is
told.
"""

from collections.abc import Iterator, Mapping, Sequence, Set

from omegaconf import DictConfig

from retrieval_kd.app.cli.overrides import Override, has
from retrieval_kd.app.cli.schema import GROUPS
from retrieval_kd.app.plan.options import Options
from retrieval_kd.app.plan.recipe import Composed
from retrieval_kd.app.plan.stage import Stage


def unheard(
    overrides: Sequence[Override], made: Sequence[Composed], stay: Sequence[Stage], root: DictConfig, options: Options
) -> list[str]:
    """The faults of the overrides that no stage of the plan reads."""
    configs = [root, *(one.config for one in made)]
    by_name = {stage.name: stage for stage in stay}
    found = []
    names = {one.command.name for one in made}
    for override in overrides:
        elsewhere = override.stage is not None and override.stage not in names  # its stage is a fault of its own
        if elsewhere or not _for_stages(override, root) or any(_arrives(override, one, by_name) for one in made):
            continue
        misspelt = None if override.chooses or _applied(override, made) else options.fault_of_key(override, configs)
        found.append(misspelt or f"{override.said} has no effect: {_why(override, made, by_name)}")
    return found


def _for_stages(override: Override, root: DictConfig) -> bool:
    """Whether a stage must read it: not what is for the root, nor a teacher, which may go unread (and that is told)."""
    if override.group in (*GROUPS, "seed", "precision"):
        return not (override.chooses and override.group == "teacher")
    return not override.chooses and override.group not in root


def _applied(override: Override, made: Sequence[Composed]) -> bool:
    return any(override in (*one.applied, *one.kept) for one in made)


def _arrives(override: Override, one: Composed, stay: Mapping[str, Stage]) -> bool:
    """Whether the override is in what a stage of the plan reads."""
    stage = stay.get(one.command.name)
    if stage is None or override not in one.applied:
        return False
    if override.key in stage.kind.reads and stage.whole.get(override.key) is None:
        return True  # null is read by being left out of the key
    return has(stage.config, override.key.rpartition(".")[0] if override.deletes else override.key)


def _why(override: Override, made: Sequence[Composed], stay: Mapping[str, Stage]) -> str:
    wired = [one.command.name for one in made if override in one.kept]
    applied = [one.command.name for one in made if override in one.applied]
    own = [one.command.name for one in made if override in one.aside or override.group in one.command.choices]
    if wired:
        return _they(wired, "starts from an earlier stage's student", "start from an earlier stage's student")
    if own and (override.chooses or not applied):
        return _they(own, f"sets its own {override.group}", f"set their own {override.group}")
    gone = [name for name in applied if name not in stay]
    if gone == applied:
        return f"no stage reads what {_they(gone, 'makes', 'make')}"
    return _they([name for name in applied if name in stay], "does not use it", "do not use it")


def _they(names: Sequence[str], one: str, several: str, *, comma: bool = False) -> str:
    """The names and what is said of them, in the singular or the plural."""
    return f"{', '.join(names)}{',' * comma} {one if len(names) == 1 else several}"


def notes(overrides: Sequence[Override], made: Sequence[Composed], stay: Sequence[Stage]) -> list[str]:
    """What is ignored in which stage, and which teachers are asked for and read by nobody."""
    names = {stage.name for stage in stay}
    said = list(_rankers(made, {stage.name for stage in stay if "ranker" in stage.config}))
    for override in overrides:
        aside = [one.command.name for one in made if override in one.aside and one.command.name in names]
        if aside:
            own = f"its own {override.group}" if len(aside) == 1 else f"their own {override.group}"
            said.append(
                f"{override.said} is ignored in {_they(aside, f'which sets {own}', f'which set {own}', comma=True)}"
            )
    for stage in stay:
        unread = sorted(set(stage.whole.get("teacher") or {}) - set(stage.config.get("teacher") or {}))
        if stage.kind.trains and unread:
            said.append(f"{stage.name} does not load {', '.join(unread)}: no term of its loss names that teacher")
    return said


def _rankers(made: Sequence[Composed], read_by: Set[str]) -> Iterator[str]:
    """The rankers that nobody named, in the stages that read theirs."""
    chosen = {one.command.name: one.ranker for one in made if one.ranker and one.command.name in read_by}
    for ranker in dict.fromkeys(chosen.values()):
        names = ", ".join(name for name, other in chosen.items() if other == ranker)
        yield f"{names}: ranker={ranker}, which reads such a student"
