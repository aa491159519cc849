"""Where each word of the command line arrives: a word that reaches no stage is a fault, one set aside is told."""

from collections.abc import Iterator, Mapping, Sequence, Set

from omegaconf import DictConfig

from retrieval_kd.app.cli.overrides import Word, has
from retrieval_kd.app.cli.schema import GROUPS
from retrieval_kd.app.plan.key_groups import READS
from retrieval_kd.app.plan.options import Options
from retrieval_kd.app.plan.recipe import Composed
from retrieval_kd.app.plan.stage import Stage


def unheard(
    words: Sequence[Word], made: Sequence[Composed], stay: Sequence[Stage], root: DictConfig, options: Options
) -> list[str]:
    """The faults of the words that no stage of the plan reads."""
    configs = [root, *(one.config for one in made)]
    by_name = {stage.name: stage for stage in stay}
    found = []
    names = {one.command.name for one in made}
    for word in words:
        elsewhere = word.stage is not None and word.stage not in names  # its stage is a fault of its own
        if elsewhere or not _for_stages(word, root) or any(_arrives(word, one, by_name) for one in made):
            continue
        misspelt = None if word.chooses or _applied(word, made) else options.fault_of_key(word, configs)
        found.append(misspelt or f"{word.said} reaches no stage: {_why(word, made, by_name)}")
    return found


def _for_stages(word: Word, root: DictConfig) -> bool:
    """Whether a stage must read it: not what is for the root, nor a teacher, which may go unread (and that is told)."""
    if word.group in (*GROUPS, "seed", "precision"):
        return not (word.chooses and word.group == "teacher")
    return not word.chooses and word.group not in root


def _applied(word: Word, made: Sequence[Composed]) -> bool:
    return any(word in (*one.applied, *one.kept) for one in made)


def _arrives(word: Word, one: Composed, stay: Mapping[str, Stage]) -> bool:
    """Whether the word is in what a stage of the plan reads."""
    stage = stay.get(one.command.name)
    if stage is None or word not in one.applied:
        return False
    if word.key in READS[stage.run] and stage.whole.get(word.key) is None:
        return True  # null is read by being left out of the key
    return has(stage.config, word.key.rpartition(".")[0] if word.deletes else word.key)


def _why(word: Word, made: Sequence[Composed], stay: Mapping[str, Stage]) -> str:
    wired = [one.command.name for one in made if word in one.kept]
    applied = [one.command.name for one in made if word in one.applied]
    own = [one.command.name for one in made if word in one.aside or word.group in one.command.choices]
    if wired:
        return f"{', '.join(wired)} start from an earlier stage's student"
    if own and (word.chooses or not applied):
        return f"{', '.join(own)} name their own {word.group}"
    gone = [name for name in applied if name not in stay]
    if gone == applied:
        return f"{', '.join(gone)} would have it, but nobody reads what they make"
    return f"{', '.join(name for name in applied if name in stay)} do not read it"


def notes(words: Sequence[Word], made: Sequence[Composed], stay: Sequence[Stage]) -> list[str]:
    """What was set aside in which stage, and which teachers are asked for and read by nobody."""
    names = {stage.name for stage in stay}
    said = list(_rankers(made, {stage.name for stage in stay if "ranker" in stage.config}))
    for word in words:
        aside = [one.command.name for one in made if word in one.aside and one.command.name in names]
        if aside:
            said.append(f"{word.said} is set aside in {', '.join(aside)} (own {word.group})")
    for stage in stay:
        unread = sorted(set(stage.whole.get("teacher") or {}) - set(stage.config.get("teacher") or {}))
        if stage.run == "train" and unread:
            said.append(f"{stage.name} does not load {', '.join(unread)}: no term of its loss names that teacher")
    return said


def _rankers(made: Sequence[Composed], read_by: Set[str]) -> Iterator[str]:
    """The rankers that nobody named, in the stages that read theirs."""
    chosen = {one.command.name: one.ranker for one in made if one.ranker and one.command.name in read_by}
    for ranker in dict.fromkeys(chosen.values()):
        names = ", ".join(name for name, other in chosen.items() if other == ranker)
        yield f"{names}: ranker={ranker}, which reads such a student"
