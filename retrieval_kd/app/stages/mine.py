"""mine: a ranker and a selection → the run that training draws its candidates from."""

import logging
import time
from typing import Any

from omegaconf import DictConfig, OmegaConf

from retrieval_kd.app.plan.instantiate import build
from retrieval_kd.app.stages.open_rankers import open_ranker
from retrieval_kd.app.stages.work import Work
from retrieval_kd.errors import UserError
from retrieval_kd.ranking.ranker import Ranker
from retrieval_kd.ranking.ranker import mine as mined
from retrieval_kd.text.copies import copies_message
from retrieval_kd.text.corpus import Corpus, open_corpus

_log = logging.getLogger(__name__)


def mine(config: DictConfig, work: Work) -> dict[str, Any]:
    """Ranks for the training queries, and those nobody judged; the payload is run.trec, without any judged positive."""
    began = time.monotonic()
    plain: dict[str, Any] = OmegaConf.to_container(config, resolve=True)  # type: ignore[assignment]
    select = build(plain["mining"], "mining")
    corpus, queries, ranker = _corpus_queries_ranker(plain, work)
    trained = {name: corpus.queries[name] for name in corpus.splits.get("train", ())}
    ranker, names = ranker.tuned(trained, corpus.collection, corpus.judgments), list(queries)
    copies = list[int]()
    run = mined(ranker, queries, corpus.collection, corpus.judgments, select=select, copies=copies.append)
    run.write(work.payload / "run.trec")
    without, unknown = len(names) - len(run.query_ids), len(select.unknown(names))
    if without:
        beside = f", {unknown} of them as the run in mining.path does not know them" if unknown else ""
        _log.warning(f"{without} of {len(names)} queries have no candidates left{beside}")
    for sentence in copies_message(sum(copies)):
        _log.info(sentence)
    return {
        "queries": len(names),
        "queries_with_candidates": len(run.query_ids),
        "queries_without_candidates": without,
        "candidates": len(run.numbers),
        "copies_left_out": sum(copies),
        "seconds": time.monotonic() - began,
    }


def assist(config: DictConfig, work: Work) -> None:
    """Takes over some of what `mine` encodes in another process."""
    plain: dict[str, Any] = OmegaConf.to_container(config, resolve=True)  # type: ignore[assignment]
    corpus, queries, ranker = _corpus_queries_ranker(plain, work)
    ranker.assist(queries, corpus.collection)


def _corpus_queries_ranker(plain: dict[str, Any], work: Work) -> tuple[Corpus, dict[str, str], Ranker]:
    """(the corpus, the queries to mine for, the ranker)."""
    corpus = open_corpus(build(plain["corpus"], "corpus"), work.artifacts)
    names = (*corpus.splits.get("train", ()), *corpus.unjudged)
    if not names:
        raise UserError(f"the corpus {corpus.name} has no training query to mine for: give one with qrels/train.tsv")
    ranker = open_ranker(plain["ranker"], plain, work, seed=0, but_itself=corpus.drop_same_id)
    return corpus, {name: corpus.queries[name] for name in names}, ranker
