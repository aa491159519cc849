"""The overrides of a command line, read against the option files: what can be checked before there is a plan."""

from collections.abc import Sequence

from omegaconf import DictConfig

from retrieval_kd.app.cli.overrides import Override, has, parsed, read
from retrieval_kd.app.cli.user_errors import refuse, sentences_of
from retrieval_kd.app.plan import recipe
from retrieval_kd.app.plan.apply_overrides import apply, value_of
from retrieval_kd.app.plan.options import Options
from retrieval_kd.app.plan.plugins import KEY
from retrieval_kd.app.plan.recipe import Command, Composed
from retrieval_kd.errors import UserError


def overrides_of(texts: Sequence[str], options: Options) -> list[Override]:
    """The overrides, each readable and each choice an option that exists. Raises UserErrors, misspelt keys
    among them.
    """
    overrides: list[Override] = []
    problems: list[str] = []
    for text in texts:
        try:
            overrides.append(_for_all(read(text, options.groups)))
        except UserError as error:
            problems.append(str(error))
    bad_choices = {
        override: problem
        for override in overrides
        if override.chooses and (problem := options.problem_of_choice(override))
    }
    if bad_choices or problems:
        problems += [
            *bad_choices.values(),
            *_misspelt([override for override in overrides if override not in bad_choices], list(bad_choices), options),
        ]
    refuse(problems)
    return [*_implied(overrides, options), *overrides]


def _implied(overrides: Sequence[Override], options: Options) -> list[Override]:
    """`corpus=auto` where a path is given and the corpus chosen takes none: what lies there is told by looking."""
    chosen = [override for override in overrides if override.chooses and override.stage is None]
    given = any(override.key == "corpus.path" and override.stage is None for override in overrides)
    if not given or any(override.key == "corpus" for override in chosen):
        return []
    takes_path = has(options.compose([override.text for override in chosen]), "corpus.path")
    return [] if takes_path else [read("corpus=auto", options.groups)]


def implied_choices(texts: Sequence[str], options: Options) -> list[str]:
    """Options that overrides imply, as they would be typed; none where one of the overrides cannot be read, which is
    refused elsewhere.
    """
    try:
        overrides = [read(text, options.groups) for text in texts]
        return [override.text for override in _implied(overrides, options)]
    except UserError:
        return []


def _for_all(override: Override) -> Override:
    """The override. Raises UserError where it gives plugins to one stage."""
    if override.group == KEY and override.stage is not None:
        raise UserError(f"{override.as_typed}: plugins are for all stages: set {KEY}=[…]")
    return override


def _misspelt(good: Sequence[Override], bad: Sequence[Override], options: Options) -> list[str]:
    """Keys that would be wrong whatever was meant by the bad choices."""
    unknown = {override.group for override in bad}
    try:
        root = root_of(good, options)
        composed_stages, _ = composed(recipe.commands(root.stages, options), good, options)
    except UserError:
        return []
    configs = [root, *(composed_stage.config for composed_stage in composed_stages)]
    asked = [
        override
        for override in good
        if not override.chooses and override.stage is None and override.group not in unknown
    ]
    if "experiment" in unknown:
        asked = [override for override in asked if not options.options_having(override)]
    return [
        problem for override in asked if not override.deletes and (problem := options.problem_of_key(override, configs))
    ]


def root_of(overrides: Sequence[Override], options: Options) -> DictConfig:
    """The root config with all overrides whose keys it has. Raises UserErrors."""
    config = options.compose([override.text for override in overrides if override.chooses and override.stage is None])
    problems = []
    for override in overrides:
        if override.chooses or override.stage is not None or not (override.adds or has(config, override.key)):
            continue
        try:
            apply(config, override)
        except UserError as error:
            problems.append(str(error))
    refuse(problems)
    return config


def elsewhere(jobs: Sequence[Sequence[str]], options: Options) -> set[str]:
    """The keys of overrides that only stages may have, not the root config: Hydra would refuse them. Raises
    UserErrors.
    """
    keys: set[str] = set()
    problems: list[str] = []
    for texts in jobs:
        try:
            overrides = overrides_of(texts, options)
            root = root_of(overrides, options)
        except UserError as error:
            problems += sentences_of(error)
            continue
        values = (override for override in overrides if not override.chooses and override.stage is None)
        keys |= {
            override.key
            for override in values
            if not override.adds and not override.deletes and not has(root, override.key)
        }
    refuse(problems)
    return keys


def retyped(texts: Sequence[str], job: Sequence[str], options: Options) -> list[str]:
    """The overrides with quotes around what Hydra reads as a number and its key as a text: Hydra's sweeper writes
    overrides anew, and 1e5 as 100000.0. `job` is one of the command lines that come of them.
    """
    root = root_of(overrides_of(job, options), options)
    return [_quoted(text, root) for text in texts]


def _quoted(text: str, root: DictConfig) -> str:
    if parsed(text).is_sweep_override():
        return text
    override = read(text, ())
    quoted = f'{text.partition("=")[0]}="{override.typed_value}"'
    return text if value_of(override, root) is override.value else quoted


def composed(
    listed: Sequence[Command], overrides: Sequence[Override], options: Options
) -> tuple[list[Composed], list[str]]:
    """Every stage's config, and the problems of those that cannot be composed."""
    composed_stages: list[Composed] = []
    problems: list[str] = []
    for command in listed:
        try:
            composed_stages.append(recipe.composed(command, overrides, options))
        except UserError as error:
            problems += sentences_of(error)
    return composed_stages, problems
