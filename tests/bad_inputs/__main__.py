"""`python -m tests.bad_inputs [words]`: every row (or those whose names hold a word), and how many were refused."""

import os
import shutil
import sys
import tempfile
from pathlib import Path

from tests.bad_inputs.row import write_goods
from tests.bad_inputs.table import TABLE
from tests.bad_inputs.trial import tried, wrong

if __name__ == "__main__":
    os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_OFFLINE="1", TOKENIZERS_PARALLELISM="false", WANDB_SILENT="true")
    rows = [row for row in TABLE if not sys.argv[1:] or any(word in row.name for word in sys.argv[1:])]
    folder = Path(tempfile.mkdtemp())
    goods, others = write_goods(folder / "goods"), 0
    for number, row in enumerate(rows):
        answer = tried(row, goods, folder / str(number))
        fault = wrong(row, answer)
        others += fault is not None
        if fault or "-v" in sys.argv:
            print(f"{row.name}: {fault or answer.errors.strip()} ({answer.seconds:.1f} s)", flush=True)
        shutil.rmtree(folder / str(number))
    shutil.rmtree(folder)
    print(f"{len(rows)} tried, {len(rows) - others} refused clearly, {others} other")
    sys.exit(1 if others else 0)
