"""Which ranker ranks by which kind of scorer: where nobody names one, it follows from the student."""

from collections.abc import Mapping
from typing import Any

from retrieval_kd.app.plan.class_facts import fact, texts

ANY_KIND = "any"  # in `ranks_by` of a ranker that reads scores alone


def fitting_ranker(config: Mapping[str, Any]) -> str | None:
    """The option of the ranker that ranks by the config's student, where the config's own ranker cannot."""
    ranker, student = (str((config.get(group) or {}).get("_target_")) for group in ("ranker", "student"))
    ranks_by, kind = texts(ranker, "ranks_by"), fact(student, "kind")
    fitting: str | None = fact(student, "ranker")
    return fitting if ranks_by and kind is not None and not ranks_by & {kind, ANY_KIND} else None
