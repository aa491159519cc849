"""A stage's composed config as plain values, and what of it is still to be given."""

from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from retrieval_kd.app.plan import roles
from retrieval_kd.app.plan.content_digests import FILES, WEIGHTS
from retrieval_kd.errors import UserError
from retrieval_kd.text.lines import at_home


def resolved(config: DictConfig) -> dict[str, Any]:
    """The config as plain values, interpolations followed, references to artifacts left as they are. Raises
    UserError.
    """
    try:
        plain = OmegaConf.to_container(config, resolve=True, throw_on_missing=False)
    except OmegaConfBaseException as error:
        where = f"{error.full_key}: " if error.full_key else ""
        raise UserError(f"{where}{str(error).splitlines()[0]}; give a value, or the key of one as ${{key}}") from None
    assert isinstance(plain, dict)
    values = {str(key): _at_home(value, str(key)) for key, value in plain.items()}
    if problem := next(roles.shape_problems(values), None):
        raise UserError(problem)
    return roles.with_roles_named(values)


def _at_home(value: Any, key: str) -> Any:
    """The value with `~` as the home folder wherever a key names a file or weights."""
    if isinstance(value, dict):
        return {name: _at_home(inner, str(name)) for name, inner in value.items()}
    if isinstance(value, list):
        return [_at_home(inner, key) for inner in value]
    return str(at_home(value)) if isinstance(value, str) and key in (*WEIGHTS, *FILES) and value[:1] == "~" else value


def missing(node: Any, prefix: str = "") -> list[str]:
    """The keys that an option leaves to the user (???) and nobody gave."""
    if not isinstance(node, dict):
        return [prefix] if node == "???" else []
    return [key for name, value in node.items() for key in missing(value, f"{prefix}.{name}" if prefix else str(name))]
