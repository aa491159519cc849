"""Which ranker reads which kind of scorer: where nobody names one, it follows from the student."""

from collections.abc import Mapping
from typing import Any

READS_KIND = {"retrieval_kd.ranking.dense.": "dual", "retrieval_kd.ranking.late.": "late"}
RANKER_OF = {"dual": "dense", "late": "late", "cross": "rerank"}
KINDS = {"asymmetric": "dual"}  # modules whose scorer is of another one's kind


def kind_of(target: str | None) -> str | None:
    """dual, late or cross, by the scorer's module; None for what a ranker cannot read."""
    module = (target or "").rpartition(".")[0].rpartition(".")[2]
    kind = KINDS.get(module, module)
    return kind if kind in RANKER_OF else None


def fitting_ranker(config: Mapping[str, Any]) -> str | None:
    """The option of the ranker that reads the config's student, where the config's own ranker reads another kind."""
    target = str((config.get("ranker") or {}).get("_target_"))
    reads = next((kind for prefix, kind in READS_KIND.items() if target.startswith(prefix)), None)
    kind = kind_of((config.get("student") or {}).get("_target_"))
    return RANKER_OF[kind] if reads is not None and kind is not None and reads != kind else None
