"""Whether what is about to be trained can be saved: checked before training, not when it has ended."""

import tempfile
from collections.abc import Iterable
from pathlib import Path

from retrieval_kd.encoders.classifier import ClassifierHead
from retrieval_kd.encoders.encoder import TextEncoder
from retrieval_kd.scorers.scorer import Scorer


def rehearse(scorers: Iterable[Scorer], scratch: Path) -> None:
    """Save each encoder of these scorers below `scratch`, once, read it again, and let go of what was saved.

    Raises UserError if one cannot be saved, or read again, or is another encoder then.
    """
    rehearsed = set[TextEncoder]()
    scratch.mkdir(parents=True, exist_ok=True)
    for scorer in scorers:
        head = scorer.head()
        for encoder in set(scorer.encoders().values()) - rehearsed:
            rehearsed.add(encoder)
            with tempfile.TemporaryDirectory(dir=scratch) as folder:
                encoder.rehearse(Path(folder), head=head if isinstance(head, ClassifierHead) else None)
