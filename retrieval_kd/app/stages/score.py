"""score: one scorer over a run → the same lists with its scores, which a stored teacher reads."""

import time
from pathlib import Path
from typing import Any

import numpy as np
from omegaconf import DictConfig, OmegaConf

from retrieval_kd.app.plan.instantiate import build
from retrieval_kd.app.stages.open_rankers import placed, tokens_per_group
from retrieval_kd.app.stages.open_scorers import open_scorer
from retrieval_kd.app.stages.work import Work
from retrieval_kd.errors import UserError
from retrieval_kd.ranking.rerank import Rescoring
from retrieval_kd.text.corpus import Corpus, open_corpus
from retrieval_kd.text.graded import grades_of
from retrieval_kd.text.run import Run


def score(config: DictConfig, work: Work) -> dict[str, Any]:
    """Scores data.candidates, and the judged positives of every training query; the payload is run.trec.

    A killed stage goes on from the shards of scores in its folder.
    """
    began = time.monotonic()
    run = _rescoring(config, work).scored(work.scratch)
    run.write(work.payload / "run.trec")
    return {"queries": len(run.query_ids), "pairs": len(run.numbers), "seconds": time.monotonic() - began}


def assist(config: DictConfig, work: Work) -> None:
    """Takes over some of what `score` scores in another process."""
    _rescoring(config, work).assist(work.scratch, within=work.scratch)


def _rescoring(config: DictConfig, work: Work) -> Rescoring:
    """What is scored, and by whom."""
    plain: dict[str, Any] = OmegaConf.to_container(config, resolve=True)  # type: ignore[assignment]
    node, path = _scorer(plain), plain["data"]["candidates"]
    if path is None:
        raise UserError("data.candidates=null: give the run whose lists are to be scored")
    corpus = open_corpus(build(plain["corpus"], "corpus"), work.artifacts)
    scorer = placed(open_scorer(node, seed=0), plain, work.machine)
    return Rescoring(
        _with_positives(Run.read(Path(path)), corpus),
        scorer,
        corpus.queries,
        corpus.collection,
        artifacts=work.artifacts,
        tokens_per_group=tokens_per_group(scorer),
    )


def _scorer(plain: dict[str, Any]) -> dict[str, Any]:
    """The one teacher, or the student where there is none."""
    teachers: dict[str, Any] = plain.get("teacher") or {"student": plain.get("student")}
    if len(teachers) != 1:
        raise UserError(f"score takes one teacher and was given {', '.join(teachers)}: choose an option with one role")
    return dict(next(iter(teachers.values())))


def _with_positives(run: Run, corpus: Corpus) -> Run:
    """The run with the judged positives of its queries and of all training queries, whose scores are yet to come."""
    names = list(dict.fromkeys((*run.query_ids, *corpus.splits.get("train", ()))))
    there = run.keep(grades_of(run, corpus.judgments) > 0).lists
    passages = {passage_id: number for number, passage_id in enumerate(run.passage_ids)}
    rows, numbers = [], []
    for row, name in enumerate(names):
        for passage_id in corpus.judgments.relevant(name).keys() - {
            ranked.passage_id for ranked in there.get(name, ())
        }:
            rows.append(row)
            numbers.append(passages.setdefault(passage_id, len(passages)))
    return Run.of_rows(
        names,
        np.append(run.rows, np.array(rows, dtype=np.int64)),
        list(passages),
        np.append(run.numbers, np.array(numbers, dtype=np.int64)),
        np.append(run.scores, np.zeros(len(rows))),
    )
