"""What the folders of other libraries say of a scorer's form, and where its linear map lies. Without torch, for plans.

A folder is one of: a sequence classifier of `transformers` (cross), sentence-transformers' modules (dual, late or
cross), PyLate's (late), Stanford's ColBERT (late), or a plain backbone, which says nothing.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from retrieval_kd.encoders.weight_files import check_tensor_file
from retrieval_kd.encoders.weights import is_minilm
from retrieval_kd.errors import UserError
from retrieval_kd.scorers import foreign_colbert, foreign_cross, foreign_modules


class LinearMap(NamedTuple):
    """Where a linear map's tensors lie: the file, and their names in it (bias: None where it has none)."""

    file: Path
    weight: str
    bias: str | None


class Foreign(NamedTuple):
    """What a folder holds: a scorer's kind, its form as far as the folder gives it, and its linear map, where it has
    one.
    """

    kind: str
    form: Mapping[str, Any]
    linear: LinearMap | None = None

    def linear_map(self) -> dict[str, Any]:
        """The tensors of its linear map, as torch's layer calls them; none where it has none. Imports torch."""
        from safetensors import safe_open

        if self.linear is None:
            return {}
        names = {"weight": self.linear.weight, **({"bias": self.linear.bias} if self.linear.bias else {})}
        check_tensor_file(self.linear.file)
        with safe_open(self.linear.file, framework="pt") as file:
            return {key: file.get_tensor(name).float() for key, name in names.items()}


def foreign(folder: Path) -> Foreign | None:
    """The scorer of another library in a folder; None for a plain backbone.

    A value of the form that no option expresses is an `Unexpressed`: whoever reads that key raises it. The package
    of the default backbone counts as a plain one. Raises UserError for modules that no scorer here is made of.
    """
    if is_minilm(folder):
        return None
    if (folder / foreign_modules.MODULES).exists():
        return _of_modules(folder)
    if foreign_colbert.is_stanford(folder):
        form = foreign_colbert.form(folder)
        return Foreign("late", form, LinearMap(folder / "model.safetensors", foreign_colbert.WEIGHT, None))
    if foreign_cross.is_classifier(folder):
        return Foreign("cross", foreign_cross.form(folder))
    return None


def _of_modules(folder: Path) -> Foreign | None:
    modules = foreign_modules.read(folder)
    names = [module.name for module in modules]
    encoder = modules[0].folder
    if names[0] != "Transformer":
        raise UserError(
            f"{folder}: its first module is {names[0]}, no Transformer; give a folder with one encoder of text"
        )
    if foreign_cross.is_classifier(encoder) and names == ["Transformer"]:
        return Foreign("cross", foreign_cross.form(encoder, folder))
    foreign_modules.check_states(folder, modules[0])
    dense = [module for module in modules if module.name == "Dense"]
    linear = None if not dense else LinearMap(dense[0].weights, "linear.weight", dense[0].bias)
    if "Pooling" in names:
        return Foreign("dual", foreign_modules.dual_form(folder, modules), linear)
    if dense or "MultiVectorMask" in names or foreign_colbert.is_pylate(folder):
        return Foreign("late", foreign_colbert.modules_form(folder, modules), linear)
    if names == ["Transformer"]:
        return None
    raise UserError(
        f"{folder}: no scorer is made of the modules {', '.join(names)}; give one with a Pooling, or one of ColBERT"
    )
