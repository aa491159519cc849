"""`python -m tests.faults.child BACKBONE overrides…`: `train.py` over a small backbone."""

import sys
from pathlib import Path

from retrieval_kd.app.main import run
from retrieval_kd.encoders import weights

if __name__ == "__main__":
    backbone, *arguments = sys.argv[1:]
    weights._minilm = lambda: Path(backbone)
    sys.argv = ["train.py", *arguments]
    sys.exit(run(arguments))
