"""An objective is a named sum of arrows; who learns is read off them."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from torch import nn

from retrieval_kd.batch.candidates import Candidates
from retrieval_kd.losses.contradictions import contradictions
from retrieval_kd.losses.largest import largest_alone
from retrieval_kd.losses.shuffle import relabelled, shuffled
from retrieval_kd.losses.term import Term, from_zero
from retrieval_kd.scorers.scorer import Size
from retrieval_kd.scorers.view import View, Want
from retrieval_kd.shapes import Scalar


class Objective(nn.Module):
    """Σ weight · term; a term of weight 0 is as if it were not there. `tied` roles hold the encoder of the first of
    them. `echoes` are further roles: {name: {"of": role, "redraw": "passage" | "query" | "both"}}, the same scorer read
    again with fresh dropout on that side. `shuffle` is a control: a seed by which the guides' scores are shuffled. Of
    each group of terms in `largest_of` only the one with the largest weighted loss counts in a step (largest.py).

    Raises ValueError where no term has a weight above 0 or one is not from 0 on, a tied or echoed role is read by none,
    a guide with gradient is no term's learner, or a group names no term or a term twice.
    """

    def __init__(
        self,
        terms: Mapping[str, Term],
        tied: Sequence[str] = (),
        echoes: Mapping[str, Mapping[str, str]] | None = None,
        shuffle: int | None = None,
        largest_of: Sequence[Sequence[str]] = (),
    ) -> None:
        super().__init__()
        weights = {name: from_zero(f"loss.terms.{name}.weight", term.weight) for name, term in terms.items()}
        self.terms = nn.ModuleDict({name: term for name, term in terms.items() if weights[name]})
        self.tied, self.shuffle = tuple(tied), None if shuffle is None else from_zero("loss.shuffle", shuffle)
        self.echoes = {name: dict(echo) for name, echo in (echoes or {}).items()}
        self.largest_of = tuple(map(tuple, largest_of))
        for problem in contradictions(self, dict(self._terms())):
            raise ValueError(problem)

    @staticmethod
    def unread(node: Mapping[str, Any], at: str) -> Mapping[str, str]:
        """Keys without effect → why, and what would make them act."""
        off = [(name, key) for name, term in node["terms"].items() if term["weight"] == 0 for key in term]
        why = f"that term is left out; give a positive {at}.terms.%s.weight"
        return {f"terms.{name}.{key}": why % name for name, key in off if key != "weight"}

    def source(self, role: str) -> str:
        """The role whose scorer a role reads: its own, or the one that it echoes."""
        return self.echoes[role]["of"] if role in self.echoes else role

    def pass_of(self, role: str, kind: str) -> int:
        """The pass in which a role reads this kind of text: 0, or one of its own where an echo draws dropout anew."""
        redraw = self.echoes[role]["redraw"] if role in self.echoes else None
        return 1 + list(self.echoes).index(role) if redraw in (kind, "both") else 0

    @property
    def roles(self) -> frozenset[str]:
        """The roles whose scorers are read."""
        return frozenset(self.source(role) for _, term in self._terms() for role in term.roles)

    @property
    def learners(self) -> frozenset[str]:
        """The roles whose parameters are trained: exactly those that some term names as learner."""
        return frozenset(self.source(term.learner) for _, term in self._terms())

    def setup(self, sizes: Mapping[str, Size]) -> None:
        """Gives every term the sizes of the scorers."""
        for _, term in self._terms():
            term.setup({**sizes, **{name: sizes[self.source(name)] for name in self.echoes}})

    def wants(self, step: int) -> dict[str, frozenset[Want]]:
        """What the step reads of each role, echoes included."""
        wants: dict[str, frozenset[Want]] = defaultdict(frozenset)
        for _, term in self._terms():
            for role, features in term.wants(step).items():
                wants[role] |= features
        return dict(wants)

    def as_guides(self, views: Mapping[str, View], batch: Candidates) -> Mapping[str, View]:
        """What the roles show as guides, and to a curriculum: the views as they are, or shuffled."""
        return shuffled(self.shuffle, views, batch)

    def forward(self, views: Mapping[str, View], batch: Candidates) -> dict[str, Scalar]:
        guides, batch = self.as_guides(views, batch), relabelled(self.shuffle, batch)
        losses = {name: term.weight * term(self._views(term, views, guides), batch) for name, term in self._terms()}
        return largest_alone(self.largest_of, losses)

    def _views(self, term: Term, views: Mapping[str, View], guides: Mapping[str, View]) -> Mapping[str, View]:
        """A term's views: its guide's from `guides`, unless that echoes its learner."""
        itself = term.guide is None or self.source(term.guide) == self.source(term.learner)
        return views if itself else {**views, str(term.guide): guides[str(term.guide)]}

    def _terms(self) -> list[tuple[str, Term]]:
        return [(name, term) for name, term in self.terms.items() if isinstance(term, Term)]
