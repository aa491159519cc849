"""train: teacher and student roles, an objective and lists → checkpoints of every role that learned."""

import json
import logging
import os
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig, OmegaConf

from retrieval_kd.app.check.attention import attention_roles, refuse_other_words
from retrieval_kd.app.plan.instantiate import build
from retrieval_kd.app.plan.roles import SAVED
from retrieval_kd.app.stages import queries_drawn
from retrieval_kd.app.stages.open_scorers import MEMBERS, open_all, with_form
from retrieval_kd.app.stages.score_files import stored_scores
from retrieval_kd.app.stages.work import Work
from retrieval_kd.text.copies import copies_message
from retrieval_kd.text.corpus import Corpus, open_corpus
from retrieval_kd.text.run import Run

if TYPE_CHECKING:
    from retrieval_kd.batch.tokens import Tokenisation
    from retrieval_kd.distil.distiller import Distiller
    from retrieval_kd.scorers.scorer import Scorer

FAULTS = "faults"  # the folder, among artifacts, of steps that went wrong
_log = logging.getLogger(__name__)


def train(config: DictConfig, work: Work) -> dict[str, Any]:
    """Trains; the payload has a folder for each role that learned, and roles.json says where every scorer lies."""
    from retrieval_kd.distil.datamodule import ListsDataModule
    from retrieval_kd.distil.fit import compile_blocks, fit
    from retrieval_kd.distil.gather import rank
    from retrieval_kd.distil.reproducer import FailedSteps
    from retrieval_kd.scorers.rehearsal import rehearse

    plain: dict[str, Any] = OmegaConf.to_container(config, resolve=True)  # type: ignore[assignment]
    corpus, data = open_corpus(build(plain["corpus"], "corpus"), work.artifacts), build(plain["data"], "data")
    distiller, scorers = distiller_of(plain, work.machine, remembered_in=work.artifacts)
    objective, optim = distiller.objective, distiller.optim
    rehearse((scorers[role] for role in sorted(objective.learners)), work.scratch)
    if work.machine.get("compile", False):
        compile_blocks(distiller)
    start = queries_drawn.begins(data.start, plain["student"])
    lists = {"seed": plain["seed"], "steps": optim.steps, "start": start, "tell": _log.info}
    module = ListsDataModule(
        corpus,
        data,
        **lists,
        **_places(work),
        forms=forms_of(scorers),
        scores=stored_scores(scorers),
        mine=_miner(plain, data.windows, corpus, scorers["student"], work),
        on_new_run=lambda run: distiller.curriculum.refresh(run, corpus.judgments),
    )
    _report_what_lacks(module)
    began = time.perf_counter()
    callbacks = build(plain.get("callbacks") or {}, "callbacks").values()
    failed_steps = FailedSteps(work.artifacts / FAULTS / work.folder.stem, OmegaConf.to_yaml(config))
    trainer = fit(
        distiller, module, tell=_log.info, callbacks=[*callbacks], failed_steps=failed_steps, **_fit_arguments(work)
    )
    if rank() == 0:
        teachers = plain.get("teacher") or {}
        _save(scorers, {"student": plain["student"], **teachers}, objective.learners, objective.tied, work.payload)
        for role in {*objective.learners, *objective.tied[1:]}:
            queries_drawn.note(work.payload / role, queries_drawn=start + optim.steps * data.queries_per_step)
    skipped = {"steps_skipped": int(distiller.guard.skipped_steps)}
    return {"steps": optim.steps, **skipped, **_counts(module), **_costs(trainer, time.perf_counter() - began)}


def distiller_of(
    plain: Mapping[str, Any], machine: Mapping[str, Any], *, remembered_in: Path
) -> "tuple[Distiller, Mapping[str, Scorer]]":
    """What a training config trains, and its scorers by role."""
    from retrieval_kd.distil.distiller import Distiller
    from retrieval_kd.distil.teacher_cache import TeacherCache

    objective, optim, curriculum = (build(plain[group], group) for group in ("loss", "optim", "curriculum"))
    reading = {"tied": objective.tied, "learners": objective.learners, "attention_roles": attention_roles(objective)}
    scorers = open_all(plain["student"], plain.get("teacher") or {}, seed=plain["seed"], **reading)
    refuse_other_words(objective, scorers)
    cache = TeacherCache(remembered_in if machine.get("remember", True) else None, precision=optim.precision)
    parts = {"objective": objective, "curriculum": curriculum, "optim": optim, "teacher_cache": cache}
    return Distiller(scorers, seed=plain["seed"], fused=machine.get("fused", True), **parts), scorers


def forms_of(scorers: "Mapping[str, Scorer]") -> "list[Tokenisation]":
    """The tokenisations that the scorers ask for, each once."""
    return list(dict.fromkeys(form for scorer in scorers.values() for form in scorer.tokenisations()))


def _counts(module: Any) -> dict[str, int]:
    """What the lists hold, and what they lack of what was asked for."""
    return {
        "queries": len(module.queries),
        "queries_without_a_list": module.skipped,
        "queries_with_a_short_list": module.short,
        "copies_left_out": module.copies,
        "queries_drawn_before": module.start,
    }


def _costs(trainer: Any, seconds: float) -> dict[str, Any]:
    """The losses of the last step, and what the training took."""
    from retrieval_kd.distil.progress import peak_memory_mb

    losses = {name: float(value) for name, value in trainer.callback_metrics.items() if name.startswith("train/")}
    return {"last": losses, "seconds_training": seconds, "peak_memory_mb": peak_memory_mb()}


def _places(work: Work) -> dict[str, Any]:
    """Where lists are made and stored."""
    return {"artifacts": work.artifacts, "folder": work.folder, "workers": work.machine.get("workers", 0)}


def _report_what_lacks(module: Any) -> None:
    """Says what a training lacks that was asked for."""
    if module.data.unjudged and not module.corpus.unjudged:
        _log.warning(f"data.unjudged=true, and the corpus {module.corpus.name} brings no query without judgments")
    if module.start:
        _log.info(f"lists are drawn behind the {module.start} queries that the student's checkpoint was trained on")
    if module.skipped:
        _log.warning(f"{module.skipped} training queries have no list to learn from and are skipped")


def _fit_arguments(work: Work) -> dict[str, Any]:
    """The arguments of `fit` beside what it trains: where it writes, and the machine."""
    machine = ("accelerator", "devices", "nodes")
    of_machine: dict[str, Any] = {name: work.machine[name] for name in machine if name in work.machine}
    options = work.machine.get("trainer") or {}
    return {
        "folder": work.folder,
        "save_every": work.save_every,
        "loggers": work.loggers,
        "options": options,
        **of_machine,
    }


def _miner(
    plain: Mapping[str, Any], windows: Sequence[Any], corpus: Corpus, student: Any, work: Work
) -> Callable[[], Run]:
    """Mines by the student as it is, exactly and over the whole collection; its vectors are thrown away after."""

    def mine_now() -> Run:
        from retrieval_kd.ranking.dense import Dense
        from retrieval_kd.ranking.exclude_query import excluding_query
        from retrieval_kd.ranking.mining import Hard
        from retrieval_kd.ranking.ranker import mine

        names = (*corpus.splits.get("train", ()), *(corpus.unjudged if plain["data"]["unjudged"] else ()))
        queries = {name: corpus.queries[name] for name in names}
        select = Hard(first=1, last=max(100, *(window.last for window in windows)), drop_judged=False)
        work.scratch.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=work.scratch) as folder:
            ranker = Dense(
                scorer=student,
                artifacts=Path(folder),
                tokens_per_group=plain["optim"]["tokens_per_group"],
                index="Flat",
                search=None,
                sample=1,
                dtype="float32",
                passages_per_shard=32768,
                queries_per_block=4096,
            )
            excluding = excluding_query(ranker, drop_same_id=corpus.drop_same_id)
            copies = list[int]()
            run = mine(excluding, queries, corpus.collection, corpus.judgments, select=select, copies=copies.append)
            for sentence in copies_message(sum(copies)):
                _log.info(sentence)
            return run

    return mine_now


def _save(
    scorers: Mapping[str, Any],
    nodes: Mapping[str, Mapping[str, Any]],
    learners: frozenset[str],
    tied: tuple[str, ...],
    payload: Path,
) -> None:
    """A learner's scorer is saved; a frozen one is named where it lies, each with its whole form. A tied one is saved
    without the encoder it shares.
    """
    roles: dict[str, dict[str, Any]] = {}
    for role, scorer in scorers.items():
        formed = with_form(nodes[role], scorer)
        saved_node = {**formed, "layers": None} if "layers" in formed else formed
        if role in learners or role in tied[1:]:
            scorer.save(payload / role, encoders_in=payload / tied[0] if role in tied[1:] else None)
            roles[role] = {"folder": role, "config": {**saved_node, "checkpoint": None}}
        else:
            located = _with_absolute_checkpoint(formed)
            roles[role] = {"folder": located.get("checkpoint"), "config": located}
    (payload / SAVED).write_text(json.dumps(roles, indent=1, sort_keys=True) + "\n")


def _with_absolute_checkpoint(node: Mapping[str, Any]) -> dict[str, Any]:
    """A frozen scorer's node with the absolute path of its checkpoint; members of an ensemble, too."""
    checkpoint, members = node.get("checkpoint"), node.get(MEMBERS)
    located = dict(node)
    if checkpoint and os.path.isdir(checkpoint):  # (a hub id stays one)
        located["checkpoint"] = os.path.abspath(checkpoint)
    if members:
        located[MEMBERS] = {name: _with_absolute_checkpoint(member) for name, member in members.items()}
    return located
