"""What each verb really reads: the part of a stage's config that makes its key and is handed to its function."""

from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from retrieval_kd.app.plan import roles
from retrieval_kd.app.plan.content_digests import FILES, WEIGHTS
from retrieval_kd.app.plan.instantiate import targets
from retrieval_kd.errors import UserError
from retrieval_kd.text.lines import at_home

READS = {
    "train": ("seed", "corpus", "student", "teacher", "loss", "curriculum", "data", "optim"),
    "mine": ("precision", "corpus", "ranker", "mining", "student"),
    "score": ("precision", "corpus", "student", "teacher", "data"),
    "evaluate": ("precision", "corpus", "ranker", "evaluation", "student"),
}
OF_TEACHERS = ("candidates", "candidates_per_query", "exhaustive")  # of evaluation: how teachers are ranked
WORDS_ONLY = tuple(
    f"retrieval_kd.ranking.{name}." for name in ("lexical", "lucene", "run_file", "hybrid")
)  # read no scorer


def resolved(config: DictConfig) -> dict[str, Any]:
    """The config as plain values, interpolations followed, references to artifacts left as they are. Raises
    UserError.
    """
    try:
        plain = OmegaConf.to_container(config, resolve=True, throw_on_missing=False)
    except OmegaConfBaseException as fault:
        raise UserError(str(fault).splitlines()[0]) from None
    assert isinstance(plain, dict)
    found = {str(key): _at_home(value, str(key)) for key, value in plain.items()}
    if wrong := next(roles.misshapen(found), None):
        raise UserError(wrong)
    return roles.with_roles_named(found)


def _at_home(value: Any, key: str) -> Any:
    """The value with `~` as the home folder wherever a key names a file or weights."""
    if isinstance(value, dict):
        return {name: _at_home(inner, str(name)) for name, inner in value.items()}
    if isinstance(value, list):
        return [_at_home(inner, key) for inner in value]
    return str(at_home(value)) if isinstance(value, str) and key in (*WEIGHTS, *FILES) and value[:1] == "~" else value


def pruned(verb: str, config: dict[str, Any]) -> dict[str, Any]:
    """What the verb reads of a resolved config: roles, students and teachers that it does not read are left out."""
    kept = {key: config[key] for key in READS[verb] if config.get(key) is not None}
    if verb == "train":
        wanted = roles.read(config)
        kept["teacher"] = {role: node for role, node in roles.group(config).items() if role in wanted}
    elif verb == "score":
        kept["data"] = {"candidates": (config.get("data") or {}).get("candidates")}
        kept.pop("student" if roles.group(config) else "teacher", None)
    elif verb == "evaluate" and whom(config) == "teacher":
        kept["student"] = {"checkpoint": (config.get("student") or {}).get("checkpoint")}
        kept.pop("ranker", None)  # every teacher has its own
    elif verb == "evaluate":
        kept["evaluation"] = {key: value for key, value in kept["evaluation"].items() if key not in OF_TEACHERS}
    if verb in ("mine", "evaluate"):
        if "ranker" in kept and _words_only(kept):
            kept.pop("student", None)
            kept.pop("precision", None)
        kept |= _tower(kept, config)
    return kept


def _tower(kept: dict[str, Any], config: dict[str, Any]) -> dict[str, Any]:
    """The teacher that reads the passages of a student with no tower of its own for them: one that was never saved."""
    role = roles.passages_of(kept)
    wanted = role is not None and kept["student"].get("checkpoint") is None
    there = {name: node for name, node in roles.group(config).items() if wanted and name == role}
    return {"teacher": there} if there else {}


def whom(config: dict[str, Any]) -> str:
    """Whom an evaluate stage judges: student, or teacher for every scorer of a train artifact's teacher group."""
    return str((config.get("evaluation") or {}).get("whom", "student"))


def missing(node: Any, prefix: str = "") -> list[str]:
    """The keys that an option leaves to the user (???) and nobody gave."""
    if not isinstance(node, dict):
        return [prefix] if node == "???" else []
    return [key for name, value in node.items() for key in missing(value, f"{prefix}.{name}" if prefix else str(name))]


def _words_only(config: dict[str, Any]) -> bool:
    """Whether neither the ranker nor any inside it reads a scorer."""
    return all(target.startswith(WORDS_ONLY) for _, target in targets(config.get("ranker") or {}))
