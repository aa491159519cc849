"""evaluate: a ranker over the collection → a run, and how good it is, for the student or for every teacher."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from retrieval_kd.app.check.depths import proposed_lists_problem
from retrieval_kd.app.plan.class_facts import fact
from retrieval_kd.app.plan.instantiate import build
from retrieval_kd.app.plan.roles import SAVED, reads_text
from retrieval_kd.app.stages.open_rankers import open_ranker, placed, teacher_ranker
from retrieval_kd.app.stages.open_scorers import open_scorer
from retrieval_kd.app.stages.work import Work
from retrieval_kd.errors import UserError
from retrieval_kd.measures.evaluate import evaluate as measured
from retrieval_kd.ranking.ranker import Ranker
from retrieval_kd.text.corpus import Corpus, open_corpus
from retrieval_kd.text.held_out import HELD_OUT
from retrieval_kd.text.run import Run


def evaluate(config: DictConfig, work: Work) -> dict[str, Any]:
    """Split → measures and number of queries; for one teacher, its `role` beside it; for several, role → that.

    Beside the metrics lie run.trec and per_query-<split>.jsonl; for several teachers in a folder for each role. Where
    nobody judged, run.trec ranks for the queries held out, and `held_out` says how many those are: how far it agrees
    with a teacher's is a matter of both (measures/agreement.py).
    """
    plain: dict[str, Any] = OmegaConf.to_container(config, resolve=True)  # type: ignore[assignment]
    evaluation = plain["evaluation"]
    corpus = open_corpus(build(plain["corpus"], "corpus"), work.artifacts)
    splits = _splits(corpus, evaluation)
    metrics_by_role, scorers = {}, _judged_scorers(plain)
    _refuse_short_lists(scorers, evaluation, passages=len(corpus.collection))
    for role, node in scorers.items():
        folder = work.folder / role if len(scorers) > 1 else work.folder
        metrics_by_role[role] = _metrics_of(
            _ranker(role, node, plain, corpus, work), corpus, splits, evaluation, folder
        )
    if evaluation["whom"] == "student":
        return metrics_by_role["student"]
    labelled = {role: {"role": role, **metrics} for role, metrics in metrics_by_role.items()}
    return labelled if len(labelled) > 1 else next(iter(labelled.values()))


def assist(config: DictConfig, work: Work) -> None:
    """Takes over some of what `evaluate` encodes and scores in another process."""
    plain: dict[str, Any] = OmegaConf.to_container(config, resolve=True)  # type: ignore[assignment]
    corpus = open_corpus(build(plain["corpus"], "corpus"), work.artifacts)
    queries = _queries(corpus, _splits(corpus, plain["evaluation"]))
    for role, node in _judged_scorers(plain).items():
        _ranker(role, node, plain, corpus, work).assist(queries, corpus.collection)


def _judged_scorers(plain: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Who is judged, role → scorer node: the student, or each teacher. A lexical ranker reads no student."""
    if plain["evaluation"]["whom"] == "student":
        return {"student": plain.get("student") or {}}
    return dict(_teachers(Path(plain["student"]["checkpoint"]).parent))


def _refuse_short_lists(scorers: dict[str, dict[str, Any]], evaluation: dict[str, Any], *, passages: int) -> None:
    """Raises UserError for a late-interaction teacher that would be judged over fewer passages than a measure looks at,
    which is known only now that the collection is.
    """
    late = [node for node in scorers.values() if fact(str(node.get("_target_")), "exhaustive") == "small"]
    if evaluation["whom"] == "teacher" and late and passages > evaluation["exhaustive"]:
        if problem := proposed_lists_problem(evaluation):
            raise UserError(problem)


def _ranker(role: str, node: dict[str, Any], plain: dict[str, Any], corpus: Corpus, work: Work) -> Ranker:
    """How one of them ranks."""
    but_itself, passages = corpus.drop_same_id, len(corpus.collection)
    if plain["evaluation"]["whom"] == "student":
        return open_ranker(plain["ranker"], plain, work, seed=0, but_itself=but_itself)
    scorer = placed(open_scorer(node, seed=0), plain, work.machine)
    return teacher_ranker(scorer, plain["evaluation"], work, passages=passages, role=role, but_itself=but_itself)


def _queries(corpus: Corpus, splits: list[str]) -> dict[str, str]:
    """Those of the splits; of a collection that nobody judged, those held out."""
    if not corpus.is_judged:
        return {name: corpus.queries[name] for name in corpus.held_out}
    return {name: corpus.queries[name] for split in splits for name in corpus.splits[split]}


def _splits(corpus: Corpus, evaluation: dict[str, Any]) -> list[str]:
    """Those that are asked for and there; none where nobody judged. Raises UserError if there is none, or for an
    unknown measure, before ranking.
    """
    if not corpus.is_judged:
        refuse_nothing_held_out(corpus)
        return []
    splits = [split for split in evaluation["splits"] if corpus.splits.get(split)]
    if not splits:
        there = ", ".join(split for split, queries in corpus.splits.items() if queries)
        raise UserError(f"evaluation.splits={evaluation['splits']}: the corpus {corpus.name} has only {there}")
    measured(Run.of({}), corpus.judgments, evaluation["measures"], queries=corpus.splits[splits[0]])
    return splits


def refuse_nothing_held_out(corpus: Corpus) -> None:
    """Raises UserError for a corpus by which neither quality nor agreement can be measured."""
    if not corpus.is_judged and not corpus.held_out:
        raise UserError(
            f"the corpus {corpus.name} has no judgments and holds out no queries, so nothing can be measured: give "
            "judgments, or a reader that holds some queries out"
        )


def _teachers(payload: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """(role, scorer node) of every scorer beside the student that a train artifact tells of."""
    roles = json.loads((payload / SAVED).read_text(encoding="utf-8"))
    for role, saved in roles.items():
        node = saved["config"]
        if role == "student" or not reads_text(node):  # stored scores rank nothing new
            continue
        folder = saved["folder"] and str(payload / saved["folder"])
        yield role, {**node, "checkpoint": node["checkpoint"] or folder} if "checkpoint" in node else node


def _metrics_of(
    ranker: Ranker, corpus: Corpus, splits: list[str], evaluation: dict[str, Any], folder: Path
) -> dict[str, Any]:
    """Ranks for the splits' queries, writes the run and the values by query, and gives the means."""
    began = time.monotonic()
    folder.mkdir(parents=True, exist_ok=True)
    queries = _queries(corpus, splits)
    trained = {name: corpus.queries[name] for name in corpus.splits.get("train", ())}
    ranker = ranker.tuned(trained, corpus.collection, corpus.judgments)
    tuned = {"chosen": dict(ranker.chosen)} if ranker.chosen else {}
    run = ranker.rank(queries, corpus.collection, evaluation["depth"])
    run.write(folder / "run.trec")
    metrics: dict[str, Any] = {} if splits else {HELD_OUT: {"queries": len(queries)}}
    for split in splits:
        report = measured(run, corpus.judgments, evaluation["measures"], queries=corpus.splits[split])
        report.write(folder / f"per_query-{split}.jsonl")
        metrics[split] = {**report.means, "queries": report.queries}
    return {**metrics, **tuned, "seconds": time.monotonic() - began}
