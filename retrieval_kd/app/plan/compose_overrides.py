"""The words of a command line, read against the option files: what can be told of them before there is a plan."""

from collections.abc import Sequence

from omegaconf import DictConfig

from retrieval_kd.app.cli.overrides import Word, has, parsed, read
from retrieval_kd.app.cli.user_errors import refuse, sentences_of
from retrieval_kd.app.plan import recipe
from retrieval_kd.app.plan.apply_overrides import apply, meant
from retrieval_kd.app.plan.options import Options
from retrieval_kd.app.plan.recipe import Command, Composed
from retrieval_kd.text.fault import Fault


def words_of(texts: Sequence[str], options: Options) -> list[Word]:
    """The words, each readable and each choice an option that exists. Raises Faults, misspelt keys among them."""
    found: list[Word] = []
    wrong: list[str] = []
    for text in texts:
        try:
            found.append(read(text, options.groups))
        except Fault as fault:
            wrong.append(str(fault))
    faults = {word: said for word in found if word.chooses and (said := options.fault_of_choice(word))}
    if faults or wrong:
        wrong += [*faults.values(), *_misspelt([word for word in found if word not in faults], list(faults), options)]
    refuse(wrong)
    return found


def _misspelt(good: Sequence[Word], bad: Sequence[Word], options: Options) -> list[str]:
    """Keys that would be wrong whatever was meant by the bad choices."""
    unknown = {word.group for word in bad}
    try:
        root = root_of(good, options)
        made, _ = composed(recipe.commands(root.stages, options), good, options)
    except Fault:
        return []
    configs = [root, *(one.config for one in made)]
    asked = [word for word in good if not word.chooses and word.stage is None and word.group not in unknown]
    if "experiment" in unknown:
        asked = [word for word in asked if not options.having(word)]
    return [fault for word in asked if not word.deletes and (fault := options.fault_of_key(word, configs))]


def root_of(words: Sequence[Word], options: Options) -> DictConfig:
    """The root config with all words whose keys it has. Raises Faults."""
    config = options.compose([word.text for word in words if word.chooses and word.stage is None])
    wrong = []
    for word in words:
        if word.chooses or word.stage is not None or not (word.adds or has(config, word.key)):
            continue
        try:
            apply(config, word)
        except Fault as fault:
            wrong.append(str(fault))
    refuse(wrong)
    return config


def elsewhere(jobs: Sequence[Sequence[str]], options: Options) -> set[str]:
    """The keys of words that only stages may have, not the root config: Hydra would refuse them. Raises Faults."""
    found: set[str] = set()
    wrong: list[str] = []
    for texts in jobs:
        try:
            words = words_of(texts, options)
            root = root_of(words, options)
        except Fault as fault:
            wrong += sentences_of(fault)
            continue
        values = (word for word in words if not word.chooses and word.stage is None)
        found |= {word.key for word in values if not word.adds and not word.deletes and not has(root, word.key)}
    refuse(wrong)
    return found


def retyped(texts: Sequence[str], job: Sequence[str], options: Options) -> list[str]:
    """The words with quotes around what Hydra reads as a number and its key as a text: Hydra's sweeper writes words
    anew, and 1e5 as 100000.0. `job` is one of the command lines that come of them.
    """
    root = root_of(words_of(job, options), options)
    return [_quoted(text, root) for text in texts]


def _quoted(text: str, root: DictConfig) -> str:
    if parsed(text).is_sweep_override():
        return text
    word = read(text, ())
    given = f'{text.partition("=")[0]}="{word.typed}"'
    return text if meant(word, root) is word.value else given


def composed(listed: Sequence[Command], words: Sequence[Word], options: Options) -> tuple[list[Composed], list[str]]:
    """Every stage's config, and what kept any of them from having one."""
    made: list[Composed] = []
    wrong: list[str] = []
    for command in listed:
        try:
            made.append(recipe.composed(command, words, options))
        except Fault as fault:
            wrong += sentences_of(fault)
    return made, wrong
