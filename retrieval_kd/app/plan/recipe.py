"""A recipe is a list of commands: each stage's config composed from the recipe, its `with` and the command line.

Choices of an option: recipe < command line < `with`.
Values: option file < recipe < `with` < command line < `+at.<stage>`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from omegaconf import DictConfig, OmegaConf, open_dict

from retrieval_kd.app.cli.overrides import Override, has, read
from retrieval_kd.app.cli.suggest import did_you_mean
from retrieval_kd.app.plan.apply_overrides import apply
from retrieval_kd.app.plan.class_facts import fact
from retrieval_kd.app.plan.fitting_loss import fitting_loss
from retrieval_kd.app.plan.fitting_ranker import fitting_ranker
from retrieval_kd.app.plan.options import ROOT_KEYS, Options
from retrieval_kd.app.plan.plugins import KEY
from retrieval_kd.app.plan.stage_kinds import KINDS
from retrieval_kd.errors import UserError

SCORERS = ("student", "teacher")  # groups that belong to the stage that names them, keys and all
START = "student.checkpoint"
REFRESH = "data.refresh_every"


@dataclass(frozen=True)
class Command:
    """One entry of `stages`: `run` names its kind, `overrides` are those of its `with`, `title` is its row in the table
    of results.
    """

    name: str
    run: str
    overrides: tuple[Override, ...]
    title: str

    @property
    def choices(self) -> dict[str, Override]:
        """The options that this stage names itself, by group."""
        return {override.key: override for override in self.overrides if override.chooses}

    @property
    def wired(self) -> bool:
        """Whether its student is an earlier stage's."""
        return any(override.key == START and "${artifact:" in str(override.value) for override in self.overrides)


@dataclass(frozen=True)
class Composed:
    """A command's config with all overrides in it. Of the user's overrides, those that were `applied`, those `ignored`
    as the stage names an option of its own, those of a student `wired` to an earlier stage's. `defaults` is what stood
    where overrides set values; `ranker` and `loss` those that nobody names and that follow from student and teacher.
    """

    command: Command
    config: DictConfig
    applied: tuple[Override, ...]
    ignored: tuple[Override, ...]
    wired: tuple[Override, ...]
    defaults: Mapping[str, Any]
    ranker: str | None = None
    loss: str | None = None


def commands(stages: DictConfig, options: Options) -> list[Command]:
    """The recipe's `stages`, read. Raises UserError naming the stage."""
    listed = OmegaConf.to_container(stages, resolve=False)
    assert isinstance(listed, dict)
    return [_command(str(name), entry, options) for name, entry in listed.items()]


def _command(name: str, entry: Any, options: Options) -> Command:
    if not isinstance(entry, Mapping) or not set(entry) <= {"run", "with", "title"}:
        raise UserError(f"stages.{name}: give {{run: {'|'.join(KINDS)}, with: [overrides]}}, not {entry!r}")
    run = str(entry.get("run"))
    if run not in KINDS:
        raise UserError(f"stages.{name}.run={run}: there is no such kind of stage{did_you_mean(run, list(KINDS))}")
    texts = entry.get("with") or []
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise UserError(f"stages.{name}.with: give a list of overrides such as student=colbert, not {texts!r}")
    overrides = tuple(read(text, options.groups) for text in texts)
    for override in overrides:
        if override.group == KEY:
            raise UserError(f"stages.{name}.with: {override.as_typed}: plugins are named on the command line alone")
        unknown = not override.chooses and override.group not in ROOT_KEYS
        problem = (
            options.problem_of_choice(override)
            if override.chooses
            else options.problem_of_key(override, [])
            if unknown
            else None
        )
        if problem:
            raise UserError(f"stages.{name}.with: {problem}")
    return Command(name, run, overrides, str(entry.get("title") or name))


def composed(command: Command, overrides: Sequence[Override], options: Options) -> Composed:
    """The config of one stage. `overrides` are the whole command line's. Raises UserError."""
    of_this_stage = [override for override in overrides if override.stage == command.name]
    of_all_stages = [override for override in overrides if override.stage is None]
    chosen = {override.key: override for override in of_all_stages if override.chooses}
    chosen |= command.choices | {override.key: override for override in of_this_stage if override.chooses}
    choices = [override.text for override in chosen.values()]
    base = options.compose(choices)
    ranker = fitting_ranker(base) if KINDS[command.run].ranks and "ranker" not in chosen else None
    base = options.compose([*choices, f"ranker={ranker}"]) if ranker else base
    loss = None if {"loss", "experiment"} & set(chosen) else fitting_loss(base)
    base = options.compose([*choices, f"loss={loss}"]) if loss else base
    verdicts = [(override, _verdict(override, command, base)) for override in of_all_stages if not override.chooses]
    value_overrides = [override for override, verdict in verdicts if verdict == "applied"] + [
        override for override in of_this_stage if not override.chooses
    ]
    own = [override for override in command.overrides if not override.chooses]
    defaults = _defaults(base, (*own, *value_overrides))
    config = _with_values(base, own, value_overrides, command.name)
    with open_dict(config):
        config.pop("stages", None)  # no stage reads the recipe, whose references would be followed once a stage
    choices_in_effect = [
        override
        for override in (*of_all_stages, *of_this_stage)
        if override.chooses and chosen[override.key] is override
    ]
    return Composed(
        command,
        config,
        applied=(*choices_in_effect, *value_overrides),
        ignored=tuple(override for override, verdict in verdicts if verdict == "ignored"),
        wired=tuple(override for override, verdict in verdicts if verdict == "wired"),
        defaults=defaults,
        ranker=ranker,
        loss=loss,
    )


def _defaults(base: DictConfig, overrides: Iterable[Override]) -> dict[str, Any]:
    """What a config holds at the keys of values, before they are set; an interpolation is left as it is."""
    defaults: dict[str, Any] = {}
    for override in overrides:
        parent, _, name = override.key.rpartition(".")
        if has(base, override.key):
            node: Any = (OmegaConf.select(base, parent) if parent else base)._get_node(name)
            defaults[override.key] = OmegaConf.to_container(node) if OmegaConf.is_config(node) else node._value()
    return defaults


def _verdict(override: Override, command: Command, base: DictConfig) -> str:
    """applied; ignored: the stage has an option of its own there, or a student of its own that cannot do what is asked
    for; wired: its student is an earlier stage's; absent.
    """
    named = override.group in command.choices
    if named and (override.group in SCORERS or not has(base, override.key)):
        return "ignored"
    if override.key == REFRESH and "student" in command.choices and not _mines_by_itself(base):
        return "ignored"
    if override.key == START and command.wired:
        return "wired"
    return "applied" if override.adds or has(base, override.key) else "absent"


def _mines_by_itself(base: DictConfig) -> bool:
    """Whether a student ranks by one vector a text, as mining on the way does."""
    return bool(fact(str(OmegaConf.select(base, "student._target_")), "kind") == "dual")


def _with_values(
    base: DictConfig, own: Sequence[Override], user_overrides: Sequence[Override], stage: str
) -> DictConfig:
    """`base` with the stage's own overrides, then the user's; optional ones only where the key is and its role not
    tied.
    """
    required = [override for override in own if not override.optional]
    if len(required) == len(own):
        return _with_overrides(base, [*required, *user_overrides], stage)
    tied = set(_tied_roles(_with_overrides(base.copy(), [*required, *user_overrides], stage)))
    applicable = [
        override
        for override in own
        if not override.optional or (has(base, override.key) and _role(override) not in tied)
    ]
    return _with_overrides(base, [*applicable, *user_overrides], stage)


def _with_overrides(config: DictConfig, overrides: Iterable[Override], stage: str) -> DictConfig:
    for override in overrides:
        try:
            apply(config, override)
        except UserError as error:
            wired = "${artifact:" in str(override.value) and override.group in SCORERS
            hint = (
                f"; the recipe wires this itself: leave {override.group}= out, or experiment= (the default takes any)"
            )
            raise UserError(f"stage {stage}: {error}{hint if wired else ''}") from None
    return config


def _tied_roles(config: DictConfig) -> list[str]:
    """The roles that read through another role's encoder: all but the first of loss.tied."""
    loss = config.get("loss")
    return [str(role) for role in (loss.get("tied") or [])[1:]] if isinstance(loss, DictConfig) else []


def _role(override: Override) -> str | None:
    parts = override.key.split(".")
    return parts[1] if parts[0] == "teacher" and len(parts) > 2 else None
