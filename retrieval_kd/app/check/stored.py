"""What is refused of stored scores before anything loads: a layout that is none, settings at odds, dark examples."""

from collections.abc import Iterator, Mapping
from typing import Any

from omegaconf import DictConfig, OmegaConf

from retrieval_kd.app.plan import roles
from retrieval_kd.app.plan.options import Options
from retrieval_kd.errors import UserError
from retrieval_kd.text.lines import at_home

Node = Mapping[str, Any]
SETTINGS = ("layout", "given", "missing")  # how a file is read: once, whoever looks scores up in it


def stored_problems(config: Node, options: Options) -> Iterator[str]:
    """The problems of the stored scores that a training reads."""
    wanted = {role: node for role, node in roles.group(config).items() if role in roles.read(config)}
    nodes = _stored_scorers(wanted)
    yield from _settings_at_odds(nodes)
    for where, node in nodes:
        yield from _layout_problems(where, node)
    if nodes and (config.get("data") or {}).get("dark") is not None:
        names = " and ".join(where for where, _ in nodes)
        yield (
            f"data.dark: {names} looks scores up in a file, and dark examples, which are made while training, have "
            f"none there: set data=sampled, or {_readers(len(roles.group(config)), options)}"
        )


def _layout_problems(where: str, node: Node) -> Iterator[str]:
    """A given file whose first lines cannot be read as its layout says."""
    from retrieval_kd.text.score_file import first_rows

    path = at_home(str(node["file"]))
    if path.is_file():
        try:
            first_rows(path, node["layout"])
        except UserError as error:
            yield f"{where}: {error}"


def _settings_at_odds(nodes: list[tuple[str, Node]]) -> Iterator[str]:
    first: dict[str, tuple[str, Node]] = {}
    for where, node in nodes:
        before, other = first.setdefault(str(node["file"]), (where, node))
        for key in SETTINGS:
            if node[key] != other[key]:
                yield (
                    f"{where}.{key}={node[key]}, and {before} reads the same file with {key}={other[key]}: give both "
                    "the same"
                )


def _stored_scorers(group: Mapping[str, Node]) -> list[tuple[str, Node]]:
    """(where, node) of the stored scorers of some teachers, members of ensembles too."""
    scorers = (scorer for role, node in group.items() for scorer in roles.scorers(node, f"teacher.{role}"))
    return [(where, node) for where, node in scorers if not roles.reads_text(node)]


def _readers(count: int, options: Options) -> str:
    """`teacher=a or teacher=b`: the options with as many roles, none of which reads stored scores."""
    fitting = [name for name in options.plain("teacher") if _reads_text(options.compose([f"teacher={name}"]), count)]
    return " or ".join(f"teacher={name}" for name in fitting) or "a teacher that reads text"


def _reads_text(config: DictConfig, count: int) -> bool:
    plain: Any = OmegaConf.to_container(config.get("teacher") or OmegaConf.create(), resolve=False)
    nodes = {role: node for role, node in plain.items() if isinstance(node, Mapping)}
    return len(plain) == count and not _stored_scorers(nodes)
