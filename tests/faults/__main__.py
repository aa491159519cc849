"""`python -m tests.faults [recipe …] [--faults N]`: a row for each recipe, and what went wrong in words."""

import argparse
import sys
import tempfile
from pathlib import Path

from tests.contracts.options import CONF
from tests.faults.injected import KINDS, inject
from tests.planted import planted_backbone, write_planted

MORE = {  # what no recipe does by default
    "mined anew on the way": ("teacher=none", "loss=contrastive", "data=ranked", "data.refresh_every=2"),
    "two processes": ("teacher=colbert", "loss=self_otf", "machine.devices=2"),
    "activations computed again": ("teacher=colbert", "loss=self_otf", "optim.recompute=true"),
}


def jobs() -> dict[str, tuple[str, ...]]:
    """Name → overrides: every recipe, and what none of them does."""
    recipes = sorted(path.stem for path in (CONF / "experiment").glob("*.yaml"))
    return {name: (f"experiment={name}",) for name in recipes} | MORE


def main() -> int:
    parser = argparse.ArgumentParser(prog="make faults")
    parser.add_argument("recipes", nargs="*", help="default: all of them")
    parser.add_argument("--faults", type=int, default=20, help="of each recipe")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    wanted = {name: words for name, words in jobs().items() if not asked.recipes or name in asked.recipes}
    print(f"| recipe | {' | '.join(KINDS)} | injected | survived | files compared | files that differ | minutes |")
    print(f"|---|{'---|' * (len(KINDS) + 6)}")
    bad = 0
    with tempfile.TemporaryDirectory() as home:
        collection = write_planted(Path(home) / "beir")
        backbone = planted_backbone(Path(home) / "six", collection, layers=6, dim=16)
        for name, words in wanted.items():
            with tempfile.TemporaryDirectory(dir=home) as folder:
                places = {"folder": Path(folder), "collection": collection, "backbone": backbone}
                tally = inject(name, words, **places, faults=asked.faults, seed=asked.seed)
            survived = tally.faults - len(tally.wrong)
            cells = [*(str(tally.injected[kind]) for kind in KINDS), str(tally.faults), str(survived)]
            cells += [str(tally.files), str(len(tally.differing)), f"{tally.seconds / 60:.1f}"]
            print(f"| {name} | {' | '.join(cells)} |", flush=True)
            for line in (*tally.wrong, *tally.differing):
                print(f"{name}: {line}", file=sys.stderr, flush=True)
            bad += len(tally.wrong) + len(tally.differing)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
