"""Words without effect are refused, with what would make them act; the same words act where that is given."""

from collections.abc import Callable
from pathlib import Path

import pytest

from retrieval_kd.app.options import Options
from retrieval_kd.app.plan import Plan, plan_of
from retrieval_kd.text.fault import Fault

pytestmark = pytest.mark.slow

Planned = Callable[..., Plan]
RANKER = ("student=cross_encoder", "teacher=none", "loss=contrastive_list")
KL = ("teacher=cross_encoder", "loss=listwise_kl")
FILTER = (*KL, "curriculum=false_negatives", "data.refresh_every=10")
UNREAD = {  # words → the refusal, and the words that end it
    "no paced term": (
        ("teacher=cross_encoder", "loss=contrastive", "curriculum=self_paced"),
        r"curriculum=self_paced has no effect: no term of the loss is paced; give "
        r"loss\.terms\.contrastive\.paced=true or curriculum=constant",
        ("loss.terms.contrastive.paced=true",),
    ),
    "dark examples that no term reads": (
        ("teacher=none", "loss=contrastive", "data=dark"),
        r"data=dark has no effect: no term of the loss reads them; .* loss=listwise_kl",
        KL,
    ),
    "the dropout of a tied role": (
        ("teacher=colbert", "loss=self_otf", "teacher.late.dropout=0.2"),
        r"teacher\.late\.dropout=0\.2 has no effect: late reads through the encoder of student; give student\.dropout",
        ("teacher.late.dropout=0.0", "student.dropout=0.2"),
    ),
    "the dropout of a frozen role": (
        (*KL, "teacher.cross.dropout=0.2"),
        r"teacher\.cross\.dropout=0\.2 has no effect: no term trains cross",
        ("teacher.cross.dropout=0.0",),
    ),
    "the dropout before the head of a frozen role": (
        (*KL, "teacher.cross.head_dropout=0.2"),
        r"teacher\.cross\.head_dropout=0\.2 has no effect: no term trains cross",
        ("teacher.cross.head_dropout=null",),
    ),
    "a statistic of halves": (
        (*FILTER, "curriculum.statistic=quantile"),
        r"curriculum\.statistic=quantile has no effect: .* say curriculum\.probability=sigmoid",
        ("curriculum.probability=sigmoid",),
    ),
    "a quantile beside the mean": (
        (*FILTER, "curriculum.quantile=0.5", "curriculum.probability=sigmoid"),
        r"curriculum\.quantile=0\.5 has no effect: say curriculum\.statistic=quantile",
        ("curriculum.statistic=quantile",),
    ),
    "rounds without re-mining": (
        (*KL, "curriculum=false_negatives", "curriculum.rounds=5"),
        r"curriculum\.rounds=5 has no effect: .* give data\.refresh_every",
        ("data.refresh_every=10",),
    ),
    "re-mining after the end": (
        (*KL, "optim.steps=20", "data.refresh_every=20"),
        r"data\.refresh_every=20 has no effect: training ends after 20 steps",
        ("data.refresh_every=10",),
    ),
    "a bar that stays": (
        (*KL, "curriculum=self_paced", "curriculum.schedule=constant", "curriculum.last=0.3"),
        r"curriculum\.last=0\.3 has no effect: .* say curriculum\.schedule=linear",
        ("curriculum.schedule=linear",),
    ),
    "a paced term without a pace": (
        (*KL, "loss.terms.contrastive.paced=true"),
        r"loss\.terms\.contrastive\.paced=true has no effect: .* say curriculum=self_paced",
        ("curriculum=self_paced",),
    ),
    "an option of a term that is left out": (
        ("teacher=none", "loss=rank_groups", "loss.terms.norm.paced=true"),
        r"loss\.terms\.norm\.paced=true has no effect: .* positive loss\.terms\.norm\.weight",
        ("loss.terms.norm.weight=0.1", "curriculum=self_paced", "curriculum.judge=student"),
    ),
    "parameters of an exact index": (
        (*KL, "ranker.sample=10"),
        r"ranker\.sample=10 has no effect: ranker\.index=Flat compares with every passage",
        ("ranker.index=HNSW32",),
    ),
    "a grid beside a given alpha": (
        (*KL, "ranker=hybrid", "ranker.grid=[0.5]"),
        r"ranker\.grid=\[0\.5\] has no effect: say ranker\.alpha=null",
        ("ranker.alpha=null",),
    ),
    "pools that no term reads": (
        ("teacher=none", "loss=rank_groups", "data.queries_per_pool=4"),
        r"data\.queries_per_pool=4 has no effect: no term of the loss is over the pool",
        ("loss.terms.lambda_rank.others=-0.5",),
    ),
    "a control that shuffles nobody": (
        ("teacher=none", "loss=contrastive", "loss.shuffle=3"),
        r"loss\.shuffle=3 has no effect: no term follows a guide or labels",
        KL,
    ),
}


@pytest.mark.parametrize("case", UNREAD)
def test_a_word_without_effect_is_refused_until_what_makes_it_act_is_said(plan: Planned, case: str) -> None:
    words, refusal, remedy = UNREAD[case]
    with pytest.raises(Fault, match=refusal):
        plan(*words)
    given = {word.partition("=")[0]: word for word in (*words, *remedy)}
    assert plan(*given.values()).stages


def test_what_parts_titles_from_texts_acts_where_there_are_titles(
    plan: Planned, options: Options, tmp_path: Path
) -> None:
    for name, line in (("collection", "7\tAnts walk."), ("titles", "7\tAnts"), ("queries", "1\twho walks")):
        (tmp_path / f"{name}.tsv").write_text(f"{line}\n")
    (tmp_path / "qrels.tsv").write_text("1\t0\t7\t1\n")
    files = [f"corpus.{key}.{split}={key}.tsv" for key in ("queries", "qrels") for split in ("train", "dev")]
    words = [*KL, "corpus=msmarco", f"corpus.path={tmp_path}", *files, "student.join=separator"]
    with pytest.raises(
        Fault, match=r"student\.join=separator has no effect: the collection has no titles; give corpus"
    ):
        plan_of(words, options)
    assert plan_of([*words, "corpus.titles=titles.tsv"], options).stages
    assert plan(*KL, "student.join=separator").stages
    with pytest.raises(Fault, match=r"student\.join=separator has no effect: docstrings have no titles; give a corpus"):
        plan_of([*KL, "student.join=separator"], options)


def test_a_default_that_cannot_act_may_be_said(plan: Planned) -> None:
    assert plan(*KL, "curriculum=constant", "teacher.cross.dropout=0.0", "ranker.sample=100000").stages


def test_a_word_that_acts_in_one_stage_is_taken_in_all(plan: Planned) -> None:
    assert plan(*KL, "student.dropout=0.1").stages
