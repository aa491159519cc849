"""A saved scorer, opened from its folder alone: nothing of the plan that made it is needed."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import OmegaConf

from retrieval_kd.app.cli.conf_folder import conf_folder
from retrieval_kd.app.cli.schema import HALVES
from retrieval_kd.app.plan import plugins as allowed_plugins
from retrieval_kd.app.plan.roles import SAVED
from retrieval_kd.app.stages.open_rankers import placed, tokens_per_group
from retrieval_kd.app.stages.open_scorers import open_scorer
from retrieval_kd.errors import UserError
from retrieval_kd.scorers.record import ASYMMETRIC, kind_and_form
from retrieval_kd.text.lines import at_home

if TYPE_CHECKING:
    from retrieval_kd.scorers.text_scorer import TextScorer

_OPTIONS = {  # kind of a saved scorer → the option file that names its class, and every argument
    "dual": "scorer/dual.yaml",
    "late": "scorer/late.yaml",
    "cross": "scorer/cross.yaml",
    ASYMMETRIC: "student/asymmetric.yaml",
}
_AS_IN = "as in load('artifacts/train-…/payload/student')"


def load(
    folder: Path | str, *, precision: str | None = None, accelerator: str = "auto", plugins: Sequence[str] = ()
) -> "TextScorer":
    """The scorer that was saved in a folder: `payload/<role>` of a train artifact, a copy of it, or another library's
    (sentence-transformers, a sequence classifier, PyLate, ColBERT), in the form that the folder says.

    `precision` (bf16-mixed, 16-mixed) and `accelerator` (auto, cpu) mean what they mean in a config; `plugins` names
    the packages that may bring its class. Raises UserError where the folder holds no scorer, or one of a package that
    is not named.

    >>> from retrieval_kd import load
    >>> student = load(scorer_folder)  # such as artifacts/train-…/payload/student
    >>> student.kind
    'dual'
    >>> student.encode_queries(["heron", "lantern"]).shape  # [query dim]
    (2, 32)
    >>> passages = student.encode_passages(["all about the heron", ("Lanterns", "all about the lantern")])
    >>> scores = student.score([("heron", "all about the heron"), ("heron", ("Lanterns", "all about the lantern"))])
    >>> scores.dtype, scores.shape  # float32, one a pair
    (dtype('float32'), (2,))
    """
    from retrieval_kd.scorers.text_scorer import TextScorer

    if precision is not None and precision not in HALVES:
        raise UserError(f"precision={precision}: give {' or '.join(HALVES)}, or None for float32")
    if accelerator not in ("auto", "cpu"):
        raise UserError(f"accelerator={accelerator}: give auto or cpu")
    with allowed_plugins.allowed(plugins):
        opened = open_scorer(_node(at_home(folder)), seed=0, trained=True)
    scorer = placed(opened, {"precision": precision}, {"accelerator": accelerator}).eval()
    return TextScorer(scorer, tokens_per_group=tokens_per_group(scorer))


def _node(folder: Path) -> dict[str, Any]:
    """The config node of the scorer in a folder. Raises UserError where there is none."""
    if not folder.is_dir():
        raise UserError(f"{folder}: there is no such folder; give that of a saved scorer, {_AS_IN}")
    if (folder / "manifest.json").exists():
        raise UserError(f"{folder} is an artifact, which may hold several scorers; give one of them, {_AS_IN}")
    kind, _ = kind_and_form(folder)
    if kind is None:
        raise UserError(f"{folder} holds no scorer, or a backbone alone; give a folder that a scorer was saved in")
    if kind in _OPTIONS:
        option: Any = OmegaConf.to_container(OmegaConf.load(conf_folder() / _OPTIONS[kind]))
        return {**option, "checkpoint": str(folder), "layers": None}
    return _of_a_plugin(folder, kind)


def saved_roles(payload: Path) -> dict[str, Any]:
    """role → where its scorer lies and its config, as a training has saved them; none where no training has."""
    path = payload / SAVED
    roles: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return roles


def _of_a_plugin(folder: Path, kind: str) -> dict[str, Any]:
    """The node of a scorer of a kind that is none of this package's: its artifact says which class it is."""
    node = (saved_roles(folder.parent).get(folder.name) or {}).get("config")
    if not isinstance(node, dict):
        raise UserError(
            f"{folder} holds a {kind} scorer, whose class {SAVED} beside it would name; give it where it was saved"
        )
    return {**node, "checkpoint": str(folder), **({"layers": None} if "layers" in node else {})}
