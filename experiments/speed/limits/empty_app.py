"""A Hydra app that does nothing: what its `--help` costs, nobody built on Hydra can go below."""

import hydra


@hydra.main(version_base=None)
def main(config: object) -> None:
    """Nothing."""


if __name__ == "__main__":
    main()
