"""A recipe is a list of commands: each stage's config composed from the recipe, its `with` and the command line.

Choices of an option: recipe < command line < `with`.
Values: option file < recipe < `with` < command line < `+at.<stage>`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from omegaconf import DictConfig, OmegaConf, open_dict

from retrieval_kd.app.cli.overrides import Word, has, read
from retrieval_kd.app.cli.schema import VERBS
from retrieval_kd.app.cli.suggest import did_you_mean
from retrieval_kd.app.plan.apply_overrides import apply
from retrieval_kd.app.plan.fitting_ranker import fitting_ranker
from retrieval_kd.app.plan.options import ROOT_KEYS, Options
from retrieval_kd.text.fault import Fault

SCORERS = ("student", "teacher")  # groups that belong to the stage that names them, keys and all
START = "student.checkpoint"
RANKS = ("mine", "evaluate")  # verbs that rank by the student


@dataclass(frozen=True)
class Command:
    """One line of `stages`: a verb and the words of its `with`; `title` is its row in the table of results."""

    name: str
    run: str
    words: tuple[Word, ...]
    title: str

    @property
    def choices(self) -> dict[str, Word]:
        """The options that this stage names itself, by group."""
        return {word.key: word for word in self.words if word.chooses}

    @property
    def wired(self) -> bool:
        """Whether its student is an earlier stage's."""
        return any(word.key == START and "${artifact:" in str(word.value) for word in self.words)


@dataclass(frozen=True)
class Composed:
    """A command's config with all words in it; which of the user's words were applied, and which set aside; what stood
    where words set values (`defaults`); the `ranker` that nobody names and that follows from the student.
    """

    command: Command
    config: DictConfig
    applied: tuple[Word, ...]
    aside: tuple[Word, ...]
    kept: tuple[Word, ...]
    defaults: Mapping[str, Any]
    ranker: str | None = None


def commands(stages: DictConfig, options: Options) -> list[Command]:
    """The recipe's `stages`, read. Raises Fault naming the stage."""
    listed = OmegaConf.to_container(stages, resolve=False)
    assert isinstance(listed, dict)
    return [_command(str(name), entry, options) for name, entry in listed.items()]


def _command(name: str, entry: Any, options: Options) -> Command:
    if not isinstance(entry, Mapping) or not set(entry) <= {"run", "with", "title"}:
        raise Fault(f"stages.{name}: give {{run: {'|'.join(VERBS)}, with: [words]}}, not {entry!r}")
    if entry.get("run") not in VERBS:
        raise Fault(
            f"stages.{name}.run={entry.get('run')}: there is no such verb{did_you_mean(str(entry.get('run')), VERBS)}"
        )
    texts = entry.get("with") or []
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise Fault(f"stages.{name}.with: give a list of words such as student=colbert, not {texts!r}")
    words = tuple(read(text, options.groups) for text in texts)
    for word in words:
        unknown = not word.chooses and word.group not in ROOT_KEYS
        fault = options.fault_of_choice(word) if word.chooses else options.fault_of_key(word, []) if unknown else None
        if fault:
            raise Fault(f"stages.{name}.with: {fault}")
    return Command(name, str(entry["run"]), words, str(entry.get("title") or name))


def composed(command: Command, said: Sequence[Word], options: Options) -> Composed:
    """The config of one stage. `said` is the whole command line. Raises Fault."""
    here = [word for word in said if word.stage == command.name]
    everywhere = [word for word in said if word.stage is None]
    chosen = {word.key: word for word in everywhere if word.chooses}
    chosen |= command.choices | {word.key: word for word in here if word.chooses}
    choices = [word.text for word in chosen.values()]
    base = options.compose(choices)
    ranker = fitting_ranker(base) if command.run in RANKS and "ranker" not in chosen else None
    base = options.compose([*choices, f"ranker={ranker}"]) if ranker else base
    verdicts = [(word, _verdict(word, command, base)) for word in everywhere if not word.chooses]
    values = [word for word, verdict in verdicts if verdict == "applied"] + [word for word in here if not word.chooses]
    own = [word for word in command.words if not word.chooses]
    defaults = _defaults(base, (*own, *values))
    config = _with_values(base, own, values, command.name)
    with open_dict(config):
        config.pop("stages", None)  # no stage reads the recipe, whose references would be followed once a stage
    taken = [word for word in (*everywhere, *here) if word.chooses and chosen[word.key] is word]
    return Composed(
        command,
        config,
        applied=(*taken, *values),
        aside=tuple(word for word, verdict in verdicts if verdict == "aside"),
        kept=tuple(word for word, verdict in verdicts if verdict == "wired"),
        defaults=defaults,
        ranker=ranker,
    )


def _defaults(base: DictConfig, words: Iterable[Word]) -> dict[str, Any]:
    """What a config holds at the keys of values, before they are set; what follows another key is not followed."""
    found: dict[str, Any] = {}
    for word in words:
        parent, _, name = word.key.rpartition(".")
        if has(base, word.key):
            node: Any = (OmegaConf.select(base, parent) if parent else base)._get_node(name)
            found[word.key] = OmegaConf.to_container(node) if OmegaConf.is_config(node) else node._value()
    return found


def _verdict(word: Word, command: Command, base: DictConfig) -> str:
    """applied; aside: the stage has an option of its own there; wired: its student is an earlier stage's; absent."""
    named = word.group in command.choices
    if named and (word.group in SCORERS or not has(base, word.key)):
        return "aside"
    if word.key == START and command.wired:
        return "wired"
    return "applied" if word.adds or has(base, word.key) else "absent"


def _with_values(base: DictConfig, own: Sequence[Word], said: Sequence[Word], stage: str) -> DictConfig:
    """`base` with the stage's own words, then the user's; optional ones only where the key is and its role not tied."""
    firm = [word for word in own if not word.optional]
    if len(firm) == len(own):
        return _valued(base, [*firm, *said], stage)
    tied = set(_tied(_valued(base.copy(), [*firm, *said], stage)))
    free = [word for word in own if not word.optional or (has(base, word.key) and _role(word) not in tied)]
    return _valued(base, [*free, *said], stage)


def _valued(config: DictConfig, words: Iterable[Word], stage: str) -> DictConfig:
    for word in words:
        try:
            apply(config, word)
        except Fault as fault:
            wired = "${artifact:" in str(word.value) and word.group in SCORERS
            hint = f"; the recipe wires this itself: leave {word.group}= out, or experiment= (the default takes any)"
            raise Fault(f"stage {stage}: {fault}{hint if wired else ''}") from None
    return config


def _tied(config: DictConfig) -> list[str]:
    """The roles that read through another role's encoder: all but the first of loss.tied."""
    loss = config.get("loss")
    return [str(role) for role in (loss.get("tied") or [])[1:]] if isinstance(loss, DictConfig) else []


def _role(word: Word) -> str | None:
    parts = word.key.split(".")
    return parts[1] if parts[0] == "teacher" and len(parts) > 2 else None
