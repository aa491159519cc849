"""Which stages read each override of the command line: one without effect is refused, one that a stage ignores is
reported.
"""

from collections.abc import Iterator, Mapping, Sequence, Set

from omegaconf import DictConfig

from retrieval_kd.app.cli.overrides import Override, has
from retrieval_kd.app.cli.schema import GROUPS
from retrieval_kd.app.plan.options import Options
from retrieval_kd.app.plan.recipe import Composed
from retrieval_kd.app.plan.stage import Stage


def unused_override_problems(
    overrides: Sequence[Override],
    composed: Sequence[Composed],
    stages: Sequence[Stage],
    root: DictConfig,
    options: Options,
) -> list[str]:
    """A sentence for each override that no stage of the plan reads."""
    configs = [root, *(entry.config for entry in composed)]
    by_name = {stage.name: stage for stage in stages}
    problems = []
    names = {entry.command.name for entry in composed}
    for override in overrides:
        elsewhere = override.stage is not None and override.stage not in names  # an unknown stage is refused anyway
        if (
            elsewhere
            or not _for_stages(override, root)
            or any(_is_read(override, entry, by_name) for entry in composed)
        ):
            continue
        misspelt = (
            None if override.chooses or _applied(override, composed) else options.problem_of_key(override, configs)
        )
        problems.append(misspelt or f"{override.as_typed} has no effect: {_why(override, composed, by_name)}")
    return problems


def _for_stages(override: Override, root: DictConfig) -> bool:
    """Whether a stage must read it: not what is for the root, nor a teacher, which may go unread (and is reported)."""
    if override.group in (*GROUPS, "seed", "precision"):
        return not (override.chooses and override.group == "teacher")
    return not override.chooses and override.group not in root


def _applied(override: Override, composed: Sequence[Composed]) -> bool:
    return any(override in (*entry.applied, *entry.wired) for entry in composed)


def _is_read(override: Override, entry: Composed, stages: Mapping[str, Stage]) -> bool:
    """Whether the override is in what a stage of the plan reads."""
    stage = stages.get(entry.command.name)
    if stage is None or override not in entry.applied:
        return False
    if override.key in stage.kind.reads and stage.whole.get(override.key) is None:
        return True  # null is read by being left out of the key
    return has(stage.config, override.key.rpartition(".")[0] if override.deletes else override.key)


def _why(override: Override, composed: Sequence[Composed], stages: Mapping[str, Stage]) -> str:
    wired = [entry.command.name for entry in composed if override in entry.wired]
    applied = [entry.command.name for entry in composed if override in entry.applied]
    overriding = [
        entry.command.name for entry in composed if override in entry.ignored or override.group in entry.command.choices
    ]
    if wired:
        return _sentence(wired, "starts from an earlier stage's student", "start from an earlier stage's student")
    if overriding and (override.chooses or not applied):
        return _sentence(overriding, f"sets its own {override.group}", f"set their own {override.group}")
    left_out = [name for name in applied if name not in stages]
    if left_out == applied:
        return f"no stage reads what {_sentence(left_out, 'makes', 'make')}"
    return _sentence([name for name in applied if name in stages], "does not use it", "do not use it")


def _sentence(names: Sequence[str], singular: str, plural: str, *, comma: bool = False) -> str:
    """The names with their predicate, in the singular or the plural."""
    return f"{', '.join(names)}{',' * comma} {singular if len(names) == 1 else plural}"


def notes(overrides: Sequence[Override], composed: Sequence[Composed], stages: Sequence[Stage]) -> list[str]:
    """Which overrides a stage ignores, and which teachers are chosen and read by no stage."""
    names = {stage.name for stage in stages}
    sentences = list(_ranker_notes(composed, {stage.name for stage in stages if "ranker" in stage.config}))
    fitted = {entry.command.name: entry.loss for entry in composed if entry.loss}
    trained = [stage.name for stage in stages if stage.kind.trains and stage.name in fitted]
    sentences += [f"{name}: loss={fitted[name]}, by which such a teacher teaches" for name in trained]
    for override in overrides:
        ignoring = [
            entry.command.name for entry in composed if override in entry.ignored and entry.command.name in names
        ]
        if ignoring:
            one, several = f"which sets its own {override.group}", f"which set their own {override.group}"
            sentences.append(f"{override.as_typed} is ignored in {_sentence(ignoring, one, several, comma=True)}")
    for stage in stages:
        unread = sorted(set(stage.whole.get("teacher") or {}) - set(stage.config.get("teacher") or {}))
        if stage.kind.trains and unread:
            sentences.append(f"{stage.name} does not load {', '.join(unread)}: no term of its loss names that teacher")
    return sentences


def _ranker_notes(composed: Sequence[Composed], read_by: Set[str]) -> Iterator[str]:
    """The rankers that nobody named, in the stages that read theirs."""
    chosen = {entry.command.name: entry.ranker for entry in composed if entry.ranker and entry.command.name in read_by}
    for ranker in dict.fromkeys(chosen.values()):
        names = ", ".join(name for name, other in chosen.items() if other == ranker)
        yield f"{names}: ranker={ranker}, which reads such a student"
