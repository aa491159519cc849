"""Where things lie: the checkout, the peers' environments and the made-up texts (both ignored by git), the record."""

from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PEERS = HERE / ".peers"
WORK = HERE / ".work"
RESULTS = HERE / "results.jsonl"
README = HERE / "README.md"
