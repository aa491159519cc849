"""Plans over a collection that nobody judged, and over one that keeps its queries without judgments back."""

from collections.abc import Callable
from pathlib import Path

import pytest

from retrieval_kd.app.check.checked_plan import checked_plan
from retrieval_kd.app.plan.options import Options
from retrieval_kd.app.plan.plan import Plan
from retrieval_kd.app.plan.unjudged import is_scorer
from retrieval_kd.errors import UserError
from tests.contracts.options import option
from tests.planted import without_qrels

Planned = Callable[..., Plan]
ALIGNED = ("teacher=dual", "loss=aligned")


@pytest.fixture(scope="module")
def bare(collection: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The collection of six without its qrels."""
    return without_qrels(collection, tmp_path_factory.mktemp("bare") / "six")


@pytest.fixture
def unjudged(bare: Path, options: Options) -> Planned:
    return lambda *words: checked_plan(["corpus=beir", f"corpus.path={bare}", *words], options)


def test_a_teacher_that_is_one_already_teaches_queries_that_nobody_judged(unjudged: Planned) -> None:
    made = unjudged(*ALIGNED)
    assert [stage.name for stage in made.stages] == ["mined", "bm25", "start", "train", "student", "teacher"]
    train = made.named("train").config
    assert (train["data"]["unjudged"], train["teacher"]["dual"]["checkpoint"]) == (True, None)
    assert "teacher.dual teaches as it is: minilm is one already" in " ".join(made.notes)
    assert "train: data.unjudged=true, since nobody judged this collection" in " ".join(made.notes)


@pytest.mark.slow
def test_what_a_teacher_that_has_no_loss_teaches_by_is_chosen_and_said(plan: Planned, unjudged: Planned) -> None:
    for planned in (plan, unjudged):
        chosen, named = planned("teacher=dual"), planned(*ALIGNED)
        assert chosen.named("train").key == named.named("train").key
        assert "train: loss=aligned, by which such a teacher teaches" in chosen.notes
        assert not any("by which such a teacher teaches" in note for note in named.notes)


REFUSED = {
    "a loss of judgments alone": (
        ("teacher=none", "loss=contrastive"),
        r"stage train learns from judgments alone, and the collection has no judgments: loss\.terms\.contrastive says "
        r"nothing without them; set teacher=dual loss=aligned",
    ),
    "margins to the judged passage": (
        ("teacher=dual", "loss=margin_mse"),
        r"loss\.terms\.margin says nothing without them; .* loss\.terms\.margin\.pairs=all needs none",
    ),
    "a teacher that judgments would train": (
        ("teacher=cross_encoder", "loss=listwise_kl"),
        r"stage cross learns from judgments alone, .*: give teacher\.cross\.checkpoint=<the folder of a trained one>",
    ),
    "a teacher that is cut": (
        (*ALIGNED, "teacher.dual.layers=[0,1]"),
        r"stage dual learns from judgments alone, .*: give teacher\.dual\.checkpoint=",
    ),
    "no lists": ((*ALIGNED, "data=in_batch"), r"candidates come from a run alone, and none is drawn: set data=sampled"),
    "a ranker that judgments would tune": (
        (*ALIGNED, "ranker=hybrid", "ranker.alpha=null"),
        r"ranker\.alpha=null is chosen on judged training queries \(give a number.*the collection has no judgments",
    ),
    "measures of judgments": (
        (*ALIGNED, "evaluation.measures=[RR@10]"),
        r"evaluation\.measures=\[RR@10\] has no effect: without judgments agreement with the teacher is measured",
    ),
    "a dev split": ((*ALIGNED, "corpus.dev_fraction=0.2"), r"no dev split; give corpus\.held_out"),
    "too short a ranking": ((*ALIGNED, "evaluation.depth=5"), r"evaluation\.depth=5 ranks fewer"),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", REFUSED)
def test_what_judgments_alone_would_do_is_refused_in_one_sentence(case: str, unjudged: Planned) -> None:
    words, message = REFUSED[case]
    with pytest.raises(UserError, match=message):
        unjudged(*words)


@pytest.mark.slow
def test_what_needs_no_judgment_is_planned(unjudged: Planned) -> None:
    for words in (
        ("teacher=dual", "loss=listwise_kl"),
        ("teacher=dual", "loss=margin_mse", "loss.terms.margin.pairs=all"),
        (*ALIGNED, "evaluation.depth=50"),
        (*ALIGNED, "corpus.held_out=0.3", "corpus.seed=1"),
        (*ALIGNED, "data.unjudged=true", "corpus.unjudged=true"),
        ("student=asymmetric", "teacher=dual"),
    ):
        assert unjudged(*words).named("train").config["data"]["unjudged"] is True
    tied = unjudged()
    assert any("learns nothing of loss.terms.student_contrastive" in note for note in tied.notes)
    assert any("train: late teaches as it starts" in note for note in tied.notes)


def test_asking_for_queries_without_judgments_asks_the_collection_for_them(plan: Planned) -> None:
    asked, whole = plan(*ALIGNED, "data.unjudged=true"), plan(*ALIGNED, "data.unjudged=true", "corpus.unjudged=true")
    assert "corpus.unjudged=true, which data.unjudged=true asks for" in asked.notes
    assert all(stage.config["corpus"]["unjudged"] for stage in asked.stages)
    assert asked.named("mined").key == whole.named("mined").key
    assert asked.named("train").config["data"]["unjudged"] is True
    assert asked.named("dual").config["data"]["unjudged"] is False, "judgments alone teach the teacher"


@pytest.mark.slow
def test_queries_that_are_asked_for_and_kept_back_are_refused_and_a_recipes_are_named(plan: Planned) -> None:
    with pytest.raises(UserError, match=r"data\.unjudged=true finds no query, .*: give corpus\.unjudged=true"):
        plan(*ALIGNED, "data.unjudged=true", "corpus.unjudged=false")
    with pytest.raises(UserError, match=r"train: data\.unjudged=true finds no query"):
        plan(*ALIGNED, "+at.train.data.unjudged=true")
    notes = plan("experiment=aligned").notes
    assert "distil: data.unjudged=true finds no query, since corpus.unjudged=false: give corpus.unjudged=true" in notes


def test_a_bare_encoder_is_no_scorer() -> None:
    node = option("scorer", "dual")
    assert is_scorer(node)  # minilm
    assert not is_scorer({**node, "layers": 2})
    assert not is_scorer({**node, "backbone": "/nowhere"})
    assert not is_scorer({**option("scorer", "cross"), "backbone": "minilm"})
