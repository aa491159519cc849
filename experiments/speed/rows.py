"""The rows of the table: what is measured, by which sides, on which texts, and what must be reached."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from experiments.speed.summary import Goal

ST, LIR = "sentence-transformers", "lightning-ir"
PEERS = (ST, LIR)
STEP = {"queries_per_step": 16, "passages_per_query": 8}


@dataclass(frozen=True)
class Row:
    """`sides` maps a side to the module that runs it (and what it is told beside the row's settings); `ours` is one.

    `texts` names the task that the sides read (null: none), `model` the weights. A round is `repetitions` of each side,
    sides taking turns; `same` is how close their numbers must be (None: they have none in common).
    """

    name: str
    work: str
    sides: Mapping[str, str | tuple[str, Mapping[str, Any]]]
    goals: tuple[Goal, ...]
    settings: Mapping[str, Any] = field(default_factory=dict)
    smoke: Mapping[str, Any] = field(default_factory=dict)
    texts: str | None = None
    model: str | None = None
    rounds: int = 7
    repetitions: int = 1
    same: float | None = 1e-4


_STEPS = {"ours": "ours.step", ST: "theirs.st_step", LIR: "theirs.lir_step"}


def _step(name: str, work: str, model: str, texts: str, bound: float, repetitions: int) -> Row:
    goals = (Goal("wall", "faster", bound, PEERS),)
    smoke = {"queries_per_step": 4, "passages_per_query": 4}
    return Row(name, work, _STEPS, goals, STEP, smoke, texts, model, repetitions=repetitions)


def step_on(collection: str) -> Row:
    """The step of MiniLM on the real lengths of a collection: `docstrings`, or a folder's name."""
    name = collection.removeprefix("step-")
    return _step(f"step-{name}", f"step, 16 × 8, MiniLM-L6, real lengths of {name}", "minilm", name, 1.0, 1)


_PACKED = Row(
    "packed",
    "the step, against a rectangular batch of as many real tokens through the bare backbone",
    {"ours": "ours.step", "bare backbone": "limits.packed_step"},
    (Goal("wall", "faster", 0.9, ("bare backbone",)),),
    STEP,
    {"queries_per_step": 4, "passages_per_query": 4},
    "synthetic",
    "minilm",
    same=None,
)

_ROWS = [
    _step("step", "distillation step, listwise KL from stored scores, 16 × 8, MiniLM-L6", "minilm", "synthetic", 3, 1),
    _step("step-tiny", "the same, 2 layers × 128", "tiny", "synthetic", 4, 10),
    step_on("docstrings"),
    replace(
        _step("", "step, 16 × 8, 2 layers × 128, real lengths of docstrings", "tiny", "docstrings", 1.0, 10),
        name="step-docstrings-tiny",
    ),
    _PACKED,
    replace(_PACKED, name="packed-tiny", work="the same, 2 layers × 128", model="tiny", repetitions=10),
    Row(
        "otf",
        "self on-the-fly step, dual and late both learning, 16 × 8, MiniLM-L6",
        {
            "ours": ("ours.own_losses", {"loss": "self_otf"}),
            "contrastive": ("ours.own_losses", {"loss": "contrastive"}),
        },
        (Goal("wall", "share", 1.25, ("contrastive",)),),
        STEP,
        {"queries_per_step": 4, "passages_per_query": 4},
        "synthetic",
        "minilm",
        same=None,
    ),
    Row(
        "data",
        "data path: groups of a query and 8 passages, from store or text to tensors",
        {"ours": "ours.data", ST: "theirs.st_data", LIR: "theirs.lir_data"},
        (Goal("cpu", "faster", 50, (ST,)), Goal("cpu", "faster", 200, (LIR,))),
        {**STEP, "steps_per_repetition": 10},
        {"steps_per_repetition": 2},
        "synthetic",
        "minilm",
        repetitions=10,  # ten steps of ours take 5 ms
    ),
    Row(
        "maxsim",
        "MaxSim forward + backward, 32 × 256 passages, 32 × 180 tokens, dim 128",
        {"ours": "ours.max_sim", ST: "theirs.st_max_sim"},
        (Goal("wall", "faster", 2, (ST,)), Goal("extra_mb", "share", 0.1, (ST,))),
        {"queries": 32, "passages": 256, "query_tokens": 32, "passage_tokens": 180, "dim": 128},
        {"queries": 8, "passages": 32},
        repetitions=3,
    ),
    Row(
        "maxsim-small",
        "the same, 16 × 64 passages",
        {"ours": "ours.max_sim", ST: "theirs.st_max_sim"},
        (Goal("wall", "faster", 1, (ST,)),),
        {"queries": 16, "passages": 64, "query_tokens": 32, "passage_tokens": 180, "dim": 128},
        {"queries": 4, "passages": 16},
        repetitions=10,
    ),
    Row(
        "recompute",
        "recomputed groups: ten times the queries in a pool, time for a query",
        {
            "ours": ("ours.own_losses", {"recompute": True, "times": 10}),
            "direct": ("ours.own_losses", {"recompute": False, "times": 1}),
        },
        (Goal("wall", "share", 1.5, ("direct",)), Goal("peak_mb", "share", 1.0, ("direct",))),
        {**STEP, "loss": "contrastive"},
        {"queries_per_step": 2, "passages_per_query": 4},
        "synthetic",
        "minilm",
        rounds=3,
        same=None,
    ),
    Row(
        "encode",
        "encoding a collection, natural lengths, MiniLM-L6, tokenising included",
        {"ours": "ours.encode", ST: "theirs.st_encode", "bare backbone": "limits.packed_encode"},
        (Goal("wall", "faster", 1.2, (ST,)), Goal("wall", "faster", 0.9, ("bare backbone",))),
        {**STEP, "passages": 1024},
        {"passages": 64},
        "synthetic",
        "minilm",
        rounds=5,
    ),
    Row(
        "mining",
        "mining 5 000 queries × 50 000 passages, vectors given, depth 200",
        {"ours": "ours.mining", "FAISS": "limits.faiss_search"},
        (Goal("cpu", "share", 1.15, ("FAISS",)), Goal("anon_mb", "more", 50, ("FAISS",))),
        {"queries": 5000, "passages": 50_000, "depth": 200, "dim": 384, "watch_anonymous": True},
        {"queries": 50, "passages": 1000},
        model="tiny",
    ),
    Row(
        "evaluate",
        "evaluating 2 000 queries × 1 000 hits, 4 measures",
        {"ours": "ours.evaluation", "pytrec_eval": "limits.trec_eval"},
        (Goal("wall", "share", 1.5, ("pytrec_eval",)),),
        {"queries": 2000, "hits": 1000},
        {"queries": 20, "hits": 100},
        same=1e-9,
    ),
    Row(
        "help",
        "train.py --help, against the --help of an empty Hydra app",
        {"ours": ("limits.command", {"command": "help"}), "empty app": ("limits.command", {"command": "empty"})},
        (Goal("wall", "share", 1.5, ("empty app",)),),
        same=None,
    ),
    Row(
        "plan",
        "dry_run=true of the longest recipe there is (experiment=prod where it exists)",
        {"ours": ("limits.command", {"command": "plan"})},
        (Goal("wall", "below", 4.0),),
        same=None,
    ),
    Row(
        "memory",
        "training from 8.8 million passages, against 10 thousand (2 workers)",
        {
            "ours": ("ours.memory", {"passages": 8_800_000}),
            "1 million": ("ours.memory", {"passages": 1_000_000}),
            "10 thousand": ("ours.memory", {"passages": 10_000}),
        },
        (Goal("anon_peak_mb", "more", 150, ("10 thousand",)), Goal("wall", "share", 1.1, ("10 thousand",))),
        {**STEP, "workers": 2, "watch_anonymous": True},
        {"queries_per_step": 4, "passages_per_query": 4, "divide_passages": 1000},
        model="tiny",
        repetitions=5,
        same=None,
    ),
]

ROWS = {row.name: row for row in _ROWS}
