"""Words without effect are refused, with what would make them act; the same words act where that is given."""

from collections.abc import Callable
from pathlib import Path

import pytest

from retrieval_kd.app.check.checked_plan import checked_plan
from retrieval_kd.app.plan.options import Options
from retrieval_kd.app.plan.plan import Plan
from retrieval_kd.errors import UserError

pytestmark = pytest.mark.slow

Planned = Callable[..., Plan]
RANKER = ("student=cross_encoder", "teacher=none", "loss=contrastive_list")
KL = ("teacher=cross_encoder", "loss=listwise_kl")
FILTER = (*KL, "curriculum=false_negatives", "data.negatives=3", "data.refresh_every=10")
CASCADE = ("teacher=cascade", "loss=cascade")
GROUPS = ("teacher=none", "loss=rank_groups", "curriculum=rank_groups", "data=ranked")
AGREE = "{_target_: retrieval_kd.losses.agreement.Agreement, learner: student, guide: again, over: list, %s}"
ECHO = (
    "+loss.echoes.again={of: student, redraw: query}",
    f"+loss.terms.agree={AGREE % 'detach_guide: false, paced: false, weight: 1.0'}",
)
MORE = "+loss.echoes.more={of: student, redraw: both}"
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
        r"curriculum\.statistic=quantile has no effect: .* set curriculum\.probability=sigmoid",
        ("curriculum.probability=sigmoid",),
    ),
    "a quantile beside the mean": (
        (*FILTER, "curriculum.quantile=0.5", "curriculum.probability=sigmoid"),
        r"curriculum\.quantile=0\.5 has no effect: set curriculum\.statistic=quantile",
        ("curriculum.statistic=quantile",),
    ),
    "rounds without re-mining": (
        (*KL, "curriculum=false_negatives", "data.negatives=3", "curriculum.rounds=5"),
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
        r"curriculum\.last=0\.3 has no effect: .* set curriculum\.schedule=linear",
        ("curriculum.schedule=linear",),
    ),
    "a paced term without a query_weight": (
        (*KL, "loss.terms.contrastive.paced=true"),
        r"loss\.terms\.contrastive\.paced=true has no effect: .* set curriculum=self_paced",
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
        ("ranker.index='IVF4,Flat'",),
    ),
    "a grid beside a given alpha": (
        (*KL, "ranker=hybrid", "ranker.grid=[0.5]"),
        r"ranker\.grid=\[0\.5\] has no effect: set ranker\.alpha=null",
        ("ranker.alpha=null",),
    ),
    "pools that no term reads": (
        ("teacher=none", "loss=rank_groups", "data.queries_per_pool=4"),
        r"data\.queries_per_pool=4 has no effect: no term of the loss is over the pool",
        ("loss.terms.lambda_rank.others=-0.5",),
    ),
    "a sample of an index that is not trained": (
        (*KL, "ranker.index=HNSW32", "ranker.sample=10"),
        r"ranker\.sample=10 has no effect: ranker\.index=HNSW32 is not trained",
        ("ranker.index='IVF4,Flat'",),
    ),
    "an echo without dropout": (
        CASCADE,
        r"loss\.echoes\.student_again has no effect: student\.dropout=0 reads student alike both times; give",
        ("student.dropout=0.1",),
    ),
    "an echo of one side of a pair": (
        (*RANKER, "ranker=rerank", "student.dropout=0.1", *ECHO, "++loss.echoes.again.redraw=query"),
        r"loss\.echoes\.again has no effect: a cross-encoder reads a pair in one text; .*again\.redraw=both",
        ("++loss.echoes.again.redraw=both",),
    ),
    "an echo of nobody's": (
        (*CASCADE, "student.dropout=0.1", MORE),
        r"loss\.echoes\.more has no effect: no term names it; give a term with guide: more",
        (
            "+loss.echoes.more={of: student, redraw: both}",
            "loss.terms.agreement.guide=more",
            "~loss.echoes.student_again",
        ),
    ),
    "a warm-up of less than a step": (
        (*KL, "optim.steps=20", "optim.warmup=0.04"),
        r"optim\.warmup=0\.04 has no effect: 0\.04 of 20 steps is less than one, .* or at least 0\.05",
        ("optim.warmup=0.05",),
    ),
    "a fall from the start without a warm-up": (
        (*KL, "optim.schedule=linear_from_start", "optim.warmup=0.0"),
        r"optim\.schedule=linear_from_start has no effect: without a warm-up it is linear; give optim\.warmup",
        ("optim.warmup=0.1",),
    ),
    "a filter that keeps all": (
        (*KL, "curriculum=false_negatives", "data.negatives=3", "curriculum.keep_at_least=3"),
        r"curriculum=false_negatives has no effect: curriculum\.keep_at_least=3 keeps every negative of lists that "
        r"have 3; give data\.negatives=4 or more, or curriculum\.keep_at_least=2",
        ("curriculum.keep_at_least=2",),
    ),
    "a bar of nothing": (
        (*KL, "curriculum=self_paced", "curriculum.first=0.0"),
        r"curriculum=self_paced has no effect: a bar of 0 lets everything count; give curriculum\.first",
        ("curriculum.last=0.3",),
    ),
    "the query_weight of a positive alone": (
        (*KL, "curriculum=self_paced", "data.negatives=0"),
        r"curriculum=self_paced has no effect: a positive that is listed alone has the whole share; give data",
        ("data.negatives=1",),
    ),
    "labels that no term reads": (
        (*KL, "curriculum=rank_groups"),
        r"curriculum=rank_groups has no effect: no term of the loss reads labels; set loss=rank_groups",
        ("loss=rank_groups", "teacher=none"),
    ),
    "the end of a window that takes its first ranks": (
        (*GROUPS, "data.last=40"),
        r"data\.last=40 has no effect: data\.order=best takes 15 from data\.first on; set data\.order=drawn",
        ("data.order=drawn",),
    ),
    "the order of a window that is listed whole": (
        ("teacher=none", "loss=contrastive", "data.negatives=5", "data.last=5", "data.order=drawn_once"),
        r"data\.order=drawn_once has no effect: every rank from data\.first to data\.last is listed; give a larger",
        ("data.last=6",),
    ),
    "the scale of a guide whose order alone is read": (
        ("teacher=cross_encoder", "loss=rank_net", "teacher.cross.scale=3"),
        r"teacher\.cross\.scale=3 has no effect: of cross the order of its scores alone is read; .* loss=margin_mse",
        ("loss=margin_mse",),
    ),
    "the scale of a ranking": (
        ("stage=start", *KL, "+at.start.student.scale=3"),
        r"student\.scale=3 has no effect: passages are in the same order whatever it is; leave it to a train stage",
        ("+at.train.student.scale=3", "stage=train", "+at.start.student.scale=null"),
    ),
    "the scale of an ensemble's member": (
        ("teacher=ensemble", "loss=listwise_kl", "teacher.ensemble.members.cross.scale=3"),
        r"teacher\.ensemble\.members\.cross\.scale=3 has no effect: each member's scores are standardised; give "
        r"teacher\.ensemble\.weights",
        ("teacher.ensemble.members.cross.scale=null", "teacher.ensemble.weights={late: 1, cross: 3}"),
    ),
    "attention that nobody looks at": (
        ("teacher=cross_encoder", "loss=listwise_kl", "teacher.cross.attention_layer=0"),
        r"teacher\.cross\.attention_layer=0 has no effect: no term reads its attention; set loss=word_and_sentence",
        ("loss=word_and_sentence",),
    ),
    "a root over unit vectors": (
        (*KL, "student.pooling=mean_sqrt_length"),
        r"student\.pooling=mean_sqrt_length has no effect: unit vectors are those of the mean; set "
        r"student\.normalize=false",
        ("student.normalize=false",),
    ),
    "candidates of teachers that rank the collection": (
        ("teacher=dual", "loss=listwise_kl", "evaluation.candidates_per_query=150"),
        r"evaluation\.candidates_per_query=150 has no effect: no teacher orders proposed lists",
        ("teacher=cross_encoder",),
    ),
    "a bar for collections without late interaction": (
        ("teacher=dual", "loss=listwise_kl", "evaluation.exhaustive=0"),
        r"evaluation\.exhaustive=0 has no effect: no teacher is a late-interaction one; set teacher=colbert",
        ("teacher=colbert",),
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
    with pytest.raises(UserError, match=refusal):
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
        UserError, match=r"student\.join=separator has no effect: the collection has no titles; give corpus"
    ):
        checked_plan(words, options)
    assert checked_plan([*words, "corpus.titles=titles.tsv"], options).stages
    assert plan(*KL, "student.join=separator").stages
    with pytest.raises(
        UserError, match=r"student\.join=separator has no effect: docstrings have no titles; give a corpus"
    ):
        checked_plan([*KL, "student.join=separator"], options)


def test_a_group_that_no_list_reaches_and_a_warm_up_of_no_step_are_named(plan: Planned) -> None:
    notes = "\n".join(plan(*GROUPS, "optim.steps=5").notes)
    assert (
        "train: curriculum.groups[2] labels ranks 51 to 200, and of ranks data draws 1 to 15: give data.last=51"
        in notes
    )
    assert "groups[1]" not in notes
    assert "train: optim.warmup=0.1 of 5 steps is less than one, rounded down to none; give optim.warmup=0" in notes


def test_a_scale_is_above_0_and_fused_lists_are_as_deep_as_they_are_asked_for(plan: Planned) -> None:
    with pytest.raises(UserError, match=r"student\.scale=0\.0: give a number above 0"):
        plan(*KL, "student.scale=0.0")
    with pytest.raises(
        UserError, match=r"ranker\.list_depth=50 is less than evaluation\.depth=100, .* give ranker\.list_dep"
    ):
        plan(*KL, "ranker=hybrid", "ranker.list_depth=50", "mining.last=50")


def test_how_a_stage_computes_is_no_part_of_its_key(plan: Planned) -> None:
    how = ("optim.recompute=true", "ranker.passages_per_shard=7", "ranker.queries_per_block=9", "machine.workers=2")
    keys = [[stage.key for stage in plan(*KL, *words).stages] for words in ((), how, ("ranker.dtype=float16",))]
    assert keys[0] == keys[1] != keys[2]


def test_a_default_that_cannot_act_may_be_said(plan: Planned) -> None:
    assert plan(*KL, "curriculum=constant", "teacher.cross.dropout=0.0", "ranker.sample=100000").stages


def test_a_word_that_acts_in_one_stage_is_taken_in_all(plan: Planned) -> None:
    assert plan(*KL, "student.dropout=0.1").stages
