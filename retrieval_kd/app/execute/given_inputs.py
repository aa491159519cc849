"""What is known only once collections, runs and score files are read: looked at before anything loads or trains."""

from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from retrieval_kd.app.cli.user_errors import refuse
from retrieval_kd.app.execute.execute_plan import unsealed_stages
from retrieval_kd.app.plan.content_digests import FILES, REFERENCE
from retrieval_kd.app.plan.forms import every_scorer, source_of
from retrieval_kd.app.plan.instantiate import SCORER, build
from retrieval_kd.app.plan.plan import Plan
from retrieval_kd.app.plan.stage import Stage
from retrieval_kd.encoders.weights import MINILM, locate
from retrieval_kd.errors import UserError
from retrieval_kd.io.atomic import remove_folder
from retrieval_kd.scorers.record import encoder_folder
from retrieval_kd.text.corpus import Corpus, open_corpus
from retrieval_kd.text.lines import at_home
from retrieval_kd.text.run import Run

Node = Mapping[str, Any]
MOST_TIMES = 16  # that a step may read a query
_SCORES = "file"  # the key of a scorer whose scores are in one


def check_inputs(plan: Plan) -> None:
    """Opens every corpus and reads every file that is to be read. Raises UserErrors for what cannot be, and for runs,
    scores and measures of something else; nothing is left behind then.
    """
    stages = unsealed_stages(plan)
    if not stages:
        return
    stores: set[Path] = set()
    with _unwritten(plan.artifacts, opened=stores):
        refuse(_unreadable_weights(stages))
        opened: dict[str, Corpus] = {}
        runs: dict[str, Run] = {}
        problems: list[str] = []
        for stage in stages:
            node = stage.config["corpus"]
            corpus = opened.get(str(node)) or open_corpus(build(node, "corpus"), plan.artifacts)
            opened[str(node)] = corpus
            stores.add(corpus.collection.folder.parent)
            problems += [*_without_queries(stage, corpus), *_unmeasurable(stage, corpus)]
            for where, file in _named_files(stage.config):
                runs[str(file)] = run = runs.get(str(file)) or _read(file)
                problems += _of_another(where, run, isinstance(file, Mapping), corpus)
        refuse(problems)


def _unreadable_weights(stages: Sequence[Stage]) -> Iterator[str]:
    """Weights that cannot be opened as the scorer that is to start from them: each is opened once, and put away. Those
    of the default backbone are known to be whole.
    """
    from retrieval_kd.app.stages.open_scorers import PASSAGES_OF, open_scorer
    from retrieval_kd.encoders.encoder import TextEncoder

    for node in {str(node): node for stage in stages for _, _, node in every_scorer(stage.config)}.values():
        source = source_of(node)
        if source is None or REFERENCE in source or source == MINILM:
            continue
        try:
            if PASSAGES_OF in node:  # of two scorers, of which another may make one
                TextEncoder.load(encoder_folder(locate(source), "query"), layers=node["layers"], dropout=0.0)
            else:
                open_scorer(node, seed=0)
        except UserError as error:
            yield str(error)


@contextmanager
def _unwritten(artifacts: Path, *, opened: Set[Path]) -> Iterator[None]:
    """The folder of artifacts, made; as it was before where a UserError comes out, but for what others made: of stores
    only those `opened` in the block go. Raises UserError if it cannot be written to.
    """
    new = [folder for folder in (artifacts / ".locks", artifacts, *artifacts.parents) if not folder.exists()]
    try:
        (artifacts / ".locks").mkdir(parents=True, exist_ok=True)
        before = set(artifacts.iterdir())
    except OSError as error:
        raise UserError(f"artifacts={artifacts}: {error.strerror}; give a folder that can be written to") from None
    try:
        yield
    except UserError:
        for folder in opened - before:
            if folder.is_dir():
                remove_folder(folder)
        for folder in new:
            with suppress(OSError):  # somebody else has begun to write there
                folder.rmdir()
        raise
    except OSError as error:
        raise UserError(
            f"{error.filename or artifacts}: {error.strerror}; give files that can be read, and a folder of artifacts "
            "that can be written to"
        ) from error


def _without_queries(stage: Stage, corpus: Corpus) -> Iterator[str]:
    """A stage that mines, trains or measures where the corpus has no query for that; a step that reads the same queries
    again and again.
    """
    if stage.kind.evaluates:
        yield from _nothing_measured(stage, corpus)
        return
    data = stage.config.get("data") or {}
    judged = len(corpus.splits.get("train", ()))
    queries = judged + (len(corpus.unjudged) if stage.kind.mines or data.get("unjudged") else 0)
    if not queries and stage.kind.mines:
        yield f"the corpus {corpus.name} has no training query: give one with judgments for its train split"
    elif not queries and stage.kind.trains:
        offer = "" if corpus.unjudged else ", and corpus.unjudged=true where the collection offers some"
        yield (
            f"stage {stage.name}: the corpus {corpus.name} has no judged training query; to learn from queries without "
            f"judgments set data.unjudged=true{offer}"
        )
    elif stage.kind.trains and data["queries_per_step"] > MOST_TIMES * queries:
        yield (
            f"data.queries_per_step={data['queries_per_step']}: the corpus {corpus.name} has {queries} training "
            f"queries, so that a step would read each more than {MOST_TIMES} times; give up to {queries}"
        )


def _nothing_measured(stage: Stage, corpus: Corpus) -> Iterator[str]:
    """An evaluation without a query: judged ones of its splits, or, where nobody judged, ones held out."""
    from retrieval_kd.app.stages.evaluate import refuse_nothing_held_out

    splits = stage.config["evaluation"]["splits"]
    if not corpus.is_judged:
        try:
            refuse_nothing_held_out(corpus)
        except UserError as error:
            yield str(error)
    elif not any(corpus.splits.get(split) for split in splits):
        yield (
            f"evaluation.splits={splits}: the corpus {corpus.name} has a query with a relevant passage in none of "
            f"them; it has {', '.join(split for split, of in corpus.splits.items() if of) or 'none at all'}"
        )


def _unmeasurable(stage: Stage, corpus: Corpus) -> Iterator[str]:
    """Measures that the judgments do not allow."""
    from retrieval_kd.measures.evaluate import parse
    from retrieval_kd.measures.names import cannot_measure

    if stage.kind.evaluates and corpus.is_judged:
        yield from cannot_measure(parse(stage.config["evaluation"]["measures"]), corpus.judgments)


def _named_files(node: Node, where: str = "") -> Iterator[tuple[str, str | Node]]:
    """(key=path, the path) of each run of a config that no stage makes, and (key=path, the scorer's node) of each file
    of scores.
    """
    for key, value in node.items():
        path = f"{where}.{key}" if where else str(key)
        if key == "corpus":
            continue
        if isinstance(value, Mapping):
            yield from _named_files(value, path)
        elif key in FILES and isinstance(value, str) and REFERENCE not in value:
            yield f"{path}={value}", node if key == _SCORES else value


def _read(file: str | Node) -> Run:
    """A run, or what a scorer's file says."""
    if isinstance(file, str):
        return Run.read(at_home(file))
    stored: Run = build(dict(file), SCORER).read()
    return stored


def _of_another(where: str, run: Run, scores: bool, corpus: Corpus) -> Iterator[str]:
    """A run that is not over this corpus; of scores, whose others are left aside, one that has none of it."""
    if not any(query_id in corpus.queries for query_id in run.query_ids):
        yield f"{where} names no query of the corpus {corpus.name}: give one over its queries"
        return
    used = sorted({run.passage_ids[number] for number in np.unique(run.only(corpus.queries).numbers)})
    known = corpus.collection.positions(used) >= 0
    if scores and not known.any():
        yield f"{where} scores no passage of the corpus {corpus.name}: give one over its passages"
    elif not scores and not known.all():
        foreign = used[int(known.argmin())]
        yield f"{where} names passage {foreign!r}, which the corpus {corpus.name} does not hold: give one over it"
