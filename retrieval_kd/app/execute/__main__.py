"""`python -m retrieval_kd.app.execute <task.yaml>`: one process of a stage that torchrun started."""

import sys
from pathlib import Path

from retrieval_kd.app.execute.torchrun import child

if __name__ == "__main__":
    sys.exit(child(Path(sys.argv[1])))
