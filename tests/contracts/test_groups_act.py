"""Every option of a ranker, a selection, an evaluation, an optimiser and a corpus: flipped, its run is another one, or
it is named as unread, or it is no part of a key and changes nothing.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hydra.errors import InstantiationException
from omegaconf import OmegaConf
from torch import nn

from retrieval_kd.app.check.unread_options import declared_unread
from retrieval_kd.app.check.unread_training import unread_in_training
from retrieval_kd.app.cli.schema import FORMS
from retrieval_kd.app.plan.instantiate import build, class_of
from retrieval_kd.app.plan.signatures import parameters
from retrieval_kd.app.plan.stage import keyed_part
from retrieval_kd.app.plan.stage_kinds import KINDS
from retrieval_kd.app.stages.evaluate import evaluate
from retrieval_kd.app.stages.open_rankers import ranker_of, teacher_ranker
from retrieval_kd.app.stages.open_scorers import open_scorer
from retrieval_kd.app.stages.work import Work
from retrieval_kd.distil.schedules import OPTIONS
from retrieval_kd.errors import UserError
from retrieval_kd.ranking.ranker import Ranker, mine
from retrieval_kd.scorers.scorer import Scorer
from retrieval_kd.text.beir import Beir
from retrieval_kd.text.corpus import Corpus, open_corpus
from retrieval_kd.text.docstrings import Docstrings
from retrieval_kd.text.run import Run
from tests.contracts.flips import flipped
from tests.contracts.options import names, option
from tests.distil import training
from tests.distil.training import Ground
from tests.planted import write_judgments, write_lines

pytestmark = pytest.mark.slow

Node = dict[str, Any]
OTHER: dict[str, list[Any]] = {  # where another value is not to be guessed by its kind
    "ranker.stemmer": [None, "french"],
    "ranker.stopwords": [[]],
    "ranker.pattern": [r"\w\w+"],
    "ranker.index": ["IVF4,Flat"],
    "ranker.search": ["nprobe=3"],
    "ranker.sample": [8, 20],
    "ranker.list_depth": [3, 30],
    "ranker.grid": [[0.3, 4.0]],
    "ranker.alpha": [None, 3.0],
    "mining.fewest": [60],
    "optim.schedule": ["linear_from_start", "cosine", "polynomial", "inverse_sqrt", "constant_with_warmup"],
    "optim.learners": [{"student": {"lr": 1e-3}}, {"student": {"weight_decay": 0.5}}, {"student": {"clip": 0.1}}],
    "optim.clip": [None, 0.3],
    "corpus.packages": [["pluggy", "packaging"]],
    "evaluation.splits": [["dev"]],
    "evaluation.measures": [["RR@5"]],
}
FAR = {
    "ranker.path": "another file",
    **dict.fromkeys(("ranker.candidates", "ranker.sparse", "ranker.dense"), "a ranker of its own: asked apart"),
    "ranker.tuning_queries": "an alpha of few queries: tests/ranking/test_hybrid.py",
    "mining.path": "another file",
    "corpus.path": "another folder",
    "corpus.drop_same_id": "needs ids that are both: tests/ranking/test_not_itself.py",
    "evaluation.whom": "another evaluation: tests/app/stages/test_evaluate.py",
    "evaluation.candidates": "another ranker",
    "optim.precision": "needs a trainer: tests/distil/test_distiller.py",
    "optim.tokens_per_group": "draws of dropout: tests/encoders/test_unpadded.py",
    "optim.recompute": "no part of a key: tests/distil/test_distiller.py",
    "optim.nonfinite": "acts where a number is not finite: tests/distil/test_finite.py",
    "optim.schedule_options": "below, by schedule",
}
SMALL = {  # so that a bound binds in so small a collection
    "list_depth": 6,
    "tuning_queries": 3,
    "candidates_per_query": 6,
    "sample": 60,
    "analyser": "english",
    "grid": [0.05, 3.0],
}
TEXTS = (  # inflected words, stop words, possessives, numbers, repeated words, other scripts
    "The runner's shoes are running and running on the trail in 3.11 hours",
    "A trail of lanterns for the runners of the night, and a night is long",
    "Lantern lanterns lantern: how lanterns are made of glass and of paper in old towns by the sea",
    "Shoes and vitamin c",
    "Glass and paper don't run, but a running stitch does run along the trail of the old paper",
    "हिन्दी भाषा में लिखा हुआ पाठ, running",
    "東京の夜は長い shoes",
    "Old towns by the sea have lanterns, and the sea's glass is old too",
)
ASKED = (
    "running shoes on a trail",
    "the lantern's paper",
    "old glass in towns",
    "हिन्दी पाठ",
    "東京 夜",
    "is of the",
    "vitamin c",
)


def flips(node: Mapping[str, Any], at: str, group: str) -> Iterator[tuple[str, Any]]:
    """(key, another value) of a node and of those inside it, as they stand under the group."""
    known = parameters(str(node.get("_target_") or FORMS[group])) or {}
    for key, value in node.items():
        if f"{group}.{key}" not in FAR and key != "_target_":
            yield from ((f"{at}.{key}", one) for one in OTHER.get(f"{group}.{key}", flipped(value, known.get(key))))


def with_value(node: Any, key: str, value: Any) -> Node:
    name, _, rest = key.partition(".")
    return {**node, name: with_value(node[name], rest, value) if rest else value}


def small(node: Mapping[str, Any]) -> Node:
    """The node with bounds that bind."""
    return {key: small(one) if isinstance(one, dict) else SMALL.get(key, one) for key, one in node.items()}


def holds(config: Node, key: str) -> set[str]:
    """The keys that the classes on the way to one say they leave unread."""
    return {name for name, _ in declared_unread(config, key)}


def silent(config: Node, group: str, seen: Callable[[Node], Any]) -> list[str]:
    """The flips of a group's node, and of pairs with one that chooses a way, that neither change what is seen nor are
    refused, declared unread or left out of the key.
    """
    unnoticed, plain = [], seen(config)
    every = list(flips(config[group], group, group))
    ways = {key: other for key, other in every if isinstance(other, bool | str) or other is None}
    for beside, way in ({"": None} | ways).items():
        begun = with_value(config, beside, way) if beside else config
        before = looked(begun, seen) if beside else plain
        acts: dict[str, list[bool]] = {}
        for key, other in every if before is not None else ():
            node = with_value(begun, key, other)
            if key == beside or other == _value(begun, key) or key in holds(node, key):
                continue
            after = looked(node, seen)
            if after is not None:
                flip = key if type(other) in (int, float) else f"{key}={other}"  # of a number some value is to act
                keyless = keyed_part(node) == keyed_part(begun)
                acts.setdefault(flip, []).append((after == before) == keyless)
        unnoticed += [f"{flip} beside {beside}={way}" for flip, some in acts.items() if not any(some)]
    return unnoticed


def _value(config: Node, key: str) -> Any:
    node: Any = config
    for name in key.split("."):
        node = node[name]
    return node


def looked(config: Node, seen: Callable[[Node], Any]) -> Any:
    try:
        return seen(config)
    except (UserError, InstantiationException):
        return None


def rows(run: Run) -> dict[str, list[tuple[str, float]]]:
    """The lists with scores that are rounded to what float32 holds."""
    return {name: [(row.passage_id, float(f"{row.score:.5g}")) for row in listed] for name, listed in run.lists.items()}


@pytest.fixture(scope="module")
def tales(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """A collection of texts in which an analysis finds something to do."""
    folder = tmp_path_factory.mktemp("tales")
    write_lines(folder / "corpus.jsonl", [{"_id": f"p{n}", "title": "", "text": text} for n, text in enumerate(TEXTS)])
    write_lines(folder / "queries.jsonl", [{"_id": f"q{n}", "text": text} for n, text in enumerate(ASKED)])
    write_judgments(folder / "qrels" / "train.tsv", {f"q{n}": {f"p{(3 * n) % 7}": 1} for n in range(5)})
    return open_corpus(Beir(path=folder, drop_same_id=False, dev_fraction=0.0), folder / "artifacts")


@pytest.fixture(scope="module")
def scorers(ground: Ground) -> dict[str, Scorer]:
    return {kind: open_scorer(training.scorer_node(ground, kind), seed=0) for kind in ("dual", "late")}


def ranked(ranker: Ranker, corpus: Corpus, *, depth: int = 5) -> Any:
    tuned = ranker.tuned(corpus.queries, corpus.collection, corpus.judgments)
    return rows(tuned.rank(corpus.queries, corpus.collection, depth)), dict(tuned.chosen)


def test_every_option_of_bm25_changes_a_run_or_is_named(tales: Corpus) -> None:
    config = {"ranker": small(option("ranker", "bm25"))}
    assert not silent(config, "ranker", lambda config: ranked(ranker_of(config["ranker"], {}), tales))


@pytest.mark.parametrize("name", ["dense", "hybrid", "late", "rerank"])
def test_every_option_of_a_ranker_changes_a_run_or_is_named_or_is_no_part_of_a_key(
    name: str, ground: Ground, scorers: dict[str, Scorer]
) -> None:
    some = list(ground.corpus.splits["train"])[:6]
    corpus = replace(ground.corpus, queries={query: ground.corpus.queries[query] for query in some})
    scorer = scorers["late" if name == "late" else "dual"]
    given = {"scorer": scorer, "artifacts": ground.artifacts, "tokens_per_group": 512}
    config = {"ranker": small(option("ranker", name))}
    assert not silent(config, "ranker", lambda config: ranked(ranker_of(config["ranker"], given), corpus))


@pytest.mark.parametrize("name", names("mining"))
def test_every_option_of_a_selection_changes_what_is_kept_or_is_named(
    name: str, ground: Ground, tmp_path: Path
) -> None:
    corpus, passages = ground.corpus, list(ground.corpus.collection)
    asked = {query: corpus.queries[query] for query in corpus.splits["train"]}

    student, teacher = {}, {}
    for n, query in enumerate(asked):  # the judged passage has rank 1 to 20, what was judged irrelevant the first ones
        relevant, judged = list(corpus.judgments.relevant(query)), list(corpus.judgments.judged(query))
        others = [passage for passage in passages[n:] + passages[:n] if passage not in judged]
        rest = [*(passage for passage in judged if passage not in relevant), *others]
        order = [*rest[: n % 20], *relevant[:1], *rest[n % 20 :]]
        student[query] = [(passage, -float(place)) for place, passage in enumerate(order)]
        ahead = [order[16 + n % 3]] if n % 3 else []  # of ranks 18 and 19 here, first there
        best = dict.fromkeys([*ahead, *relevant[:1], *order])
        teacher[query] = [(passage, -float(place)) for place, passage in enumerate(best)]
    Run.of(student).write(tmp_path / "student.trec")
    Run.of(teacher).write(tmp_path / "teacher.trec")
    given = ranker_of({**option("ranker", "run_file"), "path": str(tmp_path / "student.trec")}, {})
    own = {"path": str(tmp_path / "teacher.trec"), "depth": 18, "last": 10, "k": 5}
    node = option("mining", name)
    config = {"mining": {**node, **{key: value for key, value in own.items() if key in node}}}

    def selected(config: Node) -> Any:
        select = build(config["mining"], "mining")
        return rows(mine(given, asked, corpus.collection, corpus.judgments, select=select))

    assert not silent(config, "mining", selected)


def test_every_option_of_a_student_s_evaluation_changes_what_is_found(ground: Ground, tmp_path: Path) -> None:
    corpus = {**option("corpus", "beir"), "path": str(ground.artifacts.parent / "beir")}
    teachers = ("exhaustive", "candidates", "candidates_per_query")
    whole = {**option("evaluation", "full"), "depth": 8, "measures": ["nDCG@5"]}
    node = {key: value for key, value in whole.items() if key not in teachers}
    places = iter(range(100))

    def metrics_and_run(config: Node) -> Any:
        work = Work(tmp_path / str(next(places)), ground.artifacts, {"accelerator": "cpu"})
        work.folder.mkdir()
        metrics = evaluate(OmegaConf.create({**config, "corpus": corpus, "ranker": option("ranker", "bm25")}), work)
        return {**metrics, "seconds": 0}, (work.folder / "run.trec").read_bytes()

    assert not silent({"evaluation": node}, "evaluation", metrics_and_run)


def test_every_option_of_a_late_teacher_s_evaluation_changes_its_run(
    ground: Ground, scorers: dict[str, Scorer], tmp_path: Path
) -> None:
    node = {**option("evaluation", "full"), "exhaustive": 1, "candidates_per_query": 6}
    some = {query: ground.corpus.queries[query] for query in list(ground.corpus.splits["test"])[:4]}

    places = iter(range(10))

    def run(evaluation: Node, kind: str = "late") -> Any:
        work = Work(tmp_path / str(next(places)), ground.artifacts, {})
        given = {"passages": len(ground.corpus.collection), "role": "late", "but_itself": False}
        return rows(teacher_ranker(scorers[kind], evaluation, work, **given).rank(some, ground.corpus.collection, 5))

    plain = run(node)
    assert run({**node, "exhaustive": 1000}) != plain
    assert run({**node, "candidates_per_query": 7}) != plain
    assert run({**node, "candidates": {**node["candidates"], "pattern": r"\w{1,3}"}}) != plain
    assert run({**node, "exhaustive": 1000, "candidates_per_query": 7}) == run({**node, "exhaustive": 1000})


def stepped(config: Node) -> Any:
    """The weights after some steps on a fixed gradient."""
    optim = build(config["optim"], "optim")
    torch.manual_seed(0)
    model = nn.Linear(3, 2)
    owned = {"student": list(model.named_parameters())}
    optimizer, schedule = optim.build(owned)
    for step in range(optim.steps):
        for value in model.parameters():
            value.grad = torch.arange(value.numel()).reshape(value.shape).sub(2.5).mul(1.0 + step % 3)
        optim.clip_gradients(owned)
        optimizer.step()
        schedule.step()
    return [value.tolist() for value in model.parameters()]


@pytest.mark.parametrize("warmup", [0.0, 0.3])
def test_every_option_of_an_optimiser_changes_the_weights_after_some_steps_or_is_named(warmup: float) -> None:
    optim = {**option("optim", "adamw"), "steps": 12, "lr": 1e-2, "warmup": warmup}
    plain = {**_train(), "optim": optim}
    unnoticed = []
    for key, other in flips(optim, "optim", "optim"):
        config = with_value(plain, key, other)
        unread = {name for name, _ in unread_in_training(config, ranked=True)}
        if key not in unread and (after := looked(config, stepped)) is not None and after == stepped(plain):
            unnoticed.append(f"{key}={other}")
    assert not unnoticed


def _train() -> Node:
    data = {**option("data", "sampled"), "candidates": "run.trec"}
    named = {group: option(group, name) for group, name in (("loss", "contrastive"), ("curriculum", "constant"))}
    return {"student": option("student", "dual"), "teacher": {}, "data": data, **named}


NEEDED = {"cosine_with_min_lr": {"min_lr": 1e-3}, "warmup_stable_decay": {"num_decay_steps": 4}}
VALUES: dict[str, list[Any]] = {
    "num_cycles": [2.0],
    "min_lr": [2e-3],
    "min_lr_rate": [0.5],
    "lr_end": [1e-3],
    "power": [3.0],
    "timescale": [5],
    "num_decay_steps": [5],
    "num_stable_steps": [2],
    "warmup_type": ["cosine", "1-sqrt"],
    "decay_type": ["linear", "1-sqrt"],
    "min_lr_ratio": [0.3],
}


@pytest.mark.filterwarnings("ignore:Both num_training_steps and num_stable_steps")
@pytest.mark.parametrize(("schedule", "key"), [(name, key) for name, keys in OPTIONS.items() for key in sorted(keys)])
def test_every_option_of_a_schedule_changes_the_weights_after_some_steps(schedule: str, key: str) -> None:
    optim = {**option("optim", "adamw"), "steps": 12, "lr": 1e-2, "warmup": 0.3, "schedule": schedule}
    plain = {"optim": {**optim, "schedule_options": NEEDED.get(schedule, {})}}
    for value in VALUES[key]:
        beside = {} if (schedule, key) == ("cosine_with_min_lr", "min_lr_rate") else NEEDED.get(schedule, {})
        assert stepped({"optim": {**optim, "schedule_options": {**beside, key: value}}}) != stepped(plain)


@pytest.mark.parametrize("published", [True, False])
def test_every_option_of_a_folder_changes_what_is_read_of_it_or_is_named(
    published: bool, ground: Ground, tmp_path: Path
) -> None:
    source = ground.artifacts.parent / "beir"
    folder = tmp_path / "beir"
    (folder / "qrels").mkdir(parents=True)
    for name in ("corpus.jsonl", "queries.jsonl", "qrels/train.tsv", *(["qrels/dev.tsv"] if published else [])):
        (folder / name).write_bytes((source / name).read_bytes())
    config = {"corpus": {**option("corpus", "beir"), "path": str(folder), "dev_fraction": 0.3}}

    def read(config: Node) -> Any:
        corpus = open_corpus(build(config["corpus"], "corpus"), tmp_path / "artifacts")
        return dict(corpus.splits), tuple(corpus.unjudged)

    assert not silent(config, "corpus", read)
    assert holds({"corpus": {**config["corpus"], "dev_fraction": 0.0}}, "corpus.seed") >= {"corpus.seed"}


def test_every_option_of_docstrings_changes_what_is_read(tmp_path: Path) -> None:
    node = {**option("corpus", "docstrings"), "packages": ["pluggy"], "query_words": [4, 10], "passage_words": 12}

    def read(config: Node) -> Any:
        corpus = open_corpus(build(config["corpus"], "corpus"), tmp_path / "artifacts")
        return sorted(corpus.queries), sorted(corpus.collection), tuple(corpus.unjudged)

    assert class_of(node, "corpus") is Docstrings
    assert not silent({"corpus": node}, "corpus", read)


def test_no_stage_reads_the_machine_or_the_tracking() -> None:
    assert not {"machine", "tracking", "save_every", "artifacts"} & {
        key for kind in KINDS.values() for key in kind.reads
    }
