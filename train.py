"""Distil a retriever: `python train.py teacher=colbert loss=self_otf`; `--help` tells the rest."""

from retrieval_kd.app.run import main

if __name__ == "__main__":
    main()
