"""A small query tower over a larger dual encoder's passages: the teacher's index, served by a small encoder."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize as unit

from retrieval_kd.batch.candidates import Candidates
from retrieval_kd.batch.tokens import Place, Tokenisation
from retrieval_kd.encoders.encoder import Encoded, TextEncoder
from retrieval_kd.encoders.pooling import Pooling, pool
from retrieval_kd.encoders.reading import Attention
from retrieval_kd.encoders.unpadded import Reading, Tensors
from retrieval_kd.encoders.weights import locate
from retrieval_kd.errors import UserError
from retrieval_kd.scorers.dual import Dual, dot
from retrieval_kd.scorers.pools import Share, own_list, pool_scores
from retrieval_kd.scorers.record import OF_PASSAGES, Form, read_record, write_record, writing
from retrieval_kd.scorers.scorer import Kind, Scorer, Size, wants_of
from retrieval_kd.scorers.towers import WRITTEN, Opening, Towers, load_towers, write_as
from retrieval_kd.scorers.view import Feature, View, Want

_PASSAGES = "passages"  # where a saved one has the scorer of its passages, in its folder


class Asymmetric(Scorer):
    """s(q, p) = scale · v(q) · w(p), v the pooled states of its query tower, w another scorer's passage vector.

    v is mapped linearly where the widths differ or `projection` asks for it, and then a unit vector if `normalize`.
    `passages_of` names the role whose dual scorer reads the passages; the app gives that scorer as `passages`. Without
    it the passages are read by the copy that a saved one holds. What is not its own is trained, and put in training
    mode, by its owner alone. An argument of `FORM` that is null is as the folder says, else as `FORM` does. Raises
    UserError if weights are missing, a checkpoint is no saved scorer of this form, or `passages` is not dual.

    Source: asymmetric students, Kim et al. (2023), arXiv 2301.12005.
    """

    kind: ClassVar[str] = "dual"
    ranker: ClassVar[str | None] = "dense"
    exhaustive: ClassVar[Literal["always", "small", "never"]] = "always"
    offers: ClassVar[frozenset[str]] = frozenset({"scores", "pool", "vectors"})
    ACTS_ON: ClassVar[Mapping[str, frozenset[Feature]]] = {"scale": frozenset({"scores", "pool"})}
    FORM: ClassVar[Form] = {
        "pooling": "mean",
        "projection": False,
        "normalize": True,
        "scale": 20.0,
        **{key: value for key, value in WRITTEN.items() if key not in OF_PASSAGES},
    }

    def __init__(
        self,
        *,
        backbone: str,
        checkpoint: str | None,
        layers: int | list[int] | None,
        dropout: float,
        attention: Attention | None,
        pooling: Pooling | None,
        projection: bool | None,
        normalize: bool | None,
        scale: float | None,
        query_length: int | None,
        query_marker: Literal[""] | str | None,
        marker_at: Place | None,
        pad_queries: bool | None,
        close: bool | None,
        passages_of: str,
        passages: Scorer | None = None,
    ) -> None:
        super().__init__()
        form = self.formed(locals())
        saved = None if checkpoint is None else _saved_folder(checkpoint)
        self.passages = (
            _dual(passages, passages_of) if passages is not None else _own_copy(saved, passages_of, attention)
        )
        options: Opening = {"layers": layers, "dropout": dropout, "attention": attention}
        towers = load_towers(locate(checkpoint or backbone), **options, shared=True, kind="asymmetric")
        self.tower = towers.query
        self.pooling, self.normalize, self.scale = form["pooling"], form["normalize"], form["scale"]
        width, target = self.tower.width, self.passages.size.width
        self.form = {**form, "projection": form["projection"] or width != target}
        self.projection = nn.Linear(width, target) if self.form["projection"] else nn.Identity()
        passage_writing = writing(self.passages.form)
        of_passages = {name: passage_writing[name] for name in OF_PASSAGES}  # so that equal forms are one
        self.tokenisation = write_as(towers, {**form, **of_passages})

    @staticmethod
    def unread(node: Mapping[str, Any], at: str) -> Mapping[str, str]:
        why = "unit vectors are those of the mean, but for a map behind them; set %s.projection=true, or pooling=mean"
        named = node["pooling"] == "mean_sqrt_length" and node["normalize"] and not node["projection"]
        return {**Scorer.unread(node, at), **({"pooling": why % at} if named else {})}

    def written(self, kind: Kind) -> Tokenisation | None:
        return self.passages.written(kind) if kind == "passage" else self.tokenisation

    def tokenisations(self) -> tuple[Tokenisation, ...]:
        forms = (self.written("query"), self.written("passage"))
        return tuple(dict.fromkeys(form for form in forms if form is not None))

    def own(self) -> Iterable[tuple[str, nn.Parameter]]:
        return [pair for pair in self.named_parameters() if not pair[0].startswith("passages.")]

    def encoders(self) -> Mapping[str, TextEncoder]:
        return {"query": self.tower, "passage": self.encoder_of("passage")}

    def encoder_of(self, kind: Kind) -> TextEncoder:
        return self.tower if kind == "query" else self.passages.encoder_of(kind)

    @property
    def size(self) -> Size:
        return self.passages.size

    def head(self) -> nn.Module:
        return self.projection

    def train(self, mode: bool = True) -> "Asymmetric":
        """Eval mode is the whole's, training mode its own part's: the passages' owner says what holds for theirs."""
        if not mode:
            super().train(False)
            return self
        self.training = True
        self.tower.train()
        self.projection.train()
        return self

    def readings(self, batch: Candidates) -> Mapping[Kind, Reading]:
        query, passage = self.written("query"), self.written("passage")
        assert query is not None
        assert passage is not None
        queries = batch.texts[query].query
        assert queries is not None
        return {
            "query": Reading(self.tower, queries),
            "passage": Reading(self.encoder_of("passage"), batch.texts[passage].passage.flat()),
        }

    def project(self, encoded: Encoded, kind: Kind, wants: frozenset[Want]) -> Tensors:
        if kind == "passage":
            return self.passages.project(encoded, kind, wants)
        vector = self.projection(pool(encoded.states, encoded.text, self.pooling))
        return {"vector": unit(vector, dim=-1) if self.normalize else vector}

    def score(self, projected: Mapping[Kind, Tensors], batch: Candidates, wants: frozenset[Want], share: Share) -> View:
        query, passage = projected["query"]["vector"], projected["passage"]["vector"]
        lists = passage.unflatten(0, (batch.local, -1))
        pooled = scores = None
        if wants_of(wants, "pool"):
            pooled = pool_scores(dot, (query,), (passage,), batch, share) * self.scale
        if wants_of(wants, "scores"):
            by_list = torch.einsum("qd,qcd->qc", query, lists) * self.scale if pooled is None else None
            scores = by_list if pooled is None else own_list(pooled, batch)
        return View(
            scores=scores,
            pool=pooled,
            vectors={"query": query, "passage": lists} if wants_of(wants, "vectors") else {},
        )

    def match(self, query: Tensors, passage: Tensors) -> Tensor:
        return (query["vector"] * passage["vector"]).sum(-1) * self.scale

    def learning(self, kind: Kind) -> bool:
        return self.passages.learning(kind) if kind == "passage" else super().learning(kind)

    def cacheable(self, kind: Kind, wants: frozenset[Want]) -> str | None:
        return "vector"

    def beside_weights(self) -> str:
        return f"asymmetric {self.pooling} {self.normalize}"

    def weights_digest(self, kind: Kind) -> str:
        """Of passages it is their owner's, so that one index serves both."""
        return self.passages.weights_digest(kind) if kind == "passage" else super().weights_digest(kind)

    def save(self, folder: Path, *, encoders_in: Path | None = None) -> None:
        """Whole: its own tower and head, and in a folder inside a scorer that reads its passages."""
        assert encoders_in is None, "it reads through nobody's query tower"
        folder.mkdir(parents=True, exist_ok=True)
        self.tower.save(folder)
        self.save_head(folder)
        _of_passages(self.passages).save(folder / _PASSAGES)
        encoders = {"query": ".", "passage": _PASSAGES}
        write_record(folder, kind=self.saved_as(), encoders=encoders, form=self.form)


def _dual(passages: Scorer, role: str) -> Dual:
    if not isinstance(passages, Dual):
        raise UserError(f"passages_of={role}: that is a {passages.kind} scorer; name a role with a dual encoder")
    return passages


def _saved_folder(checkpoint: str) -> Path:
    folder = locate(checkpoint)
    if read_record(folder).get("kind") != Asymmetric.saved_as():
        raise UserError(
            f"checkpoint={checkpoint}: no asymmetric scorer was saved there, so it holds no passage tower; to start "
            "the query tower from it give it as backbone"
        )
    return folder


def _own_copy(saved: Path | None, role: str, attention: Attention | None) -> Dual:
    """The scorer of the passages that a saved one holds, in eval mode."""
    if saved is None:
        raise UserError(
            f"passages_of={role}: there is no such teacher here; choose teacher=dual, or give the checkpoint of a "
            "trained asymmetric scorer, which holds its passage tower"
        )
    folder, as_saved = saved / _PASSAGES, dict.fromkeys(Dual.FORM)
    options: Opening = {"layers": None, "dropout": 0.0, "attention": attention}
    passages = Dual(backbone=str(folder), checkpoint=None, **options, **as_saved)
    passages.load_head(folder)
    return passages.eval()


def _of_passages(passages: Dual) -> Dual:
    """A scorer with the same passage vectors that reads queries by the same tower."""
    tower = passages.encoder_of("passage")
    alone = Dual(
        backbone=str(tower.folder),
        checkpoint=None,
        layers=None,
        dropout=0.0,
        attention=None,
        towers=Towers(tower, tower),
        **passages.form,
    )
    alone.projection = passages.projection
    return alone
