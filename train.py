"""Distil a retriever: `python train.py teacher=colbert loss=self_otf`; `--help` tells the rest."""

import sys

try:
    from retrieval_kd.app.main import main
except ModuleNotFoundError as missing:
    sys.stderr.write(f"{missing.name} is not installed: run `make setup`, then `source .venv/bin/activate`\n")
    sys.exit(2)

if __name__ == "__main__":
    main()
