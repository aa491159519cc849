"""Where the option files are: beside the package in a checkout, inside it in an installed wheel."""

from pathlib import Path

import retrieval_kd


def conf_folder() -> Path:
    """The folder of option files. Raises FileNotFoundError if this installation has none."""
    package = Path(retrieval_kd.__file__).resolve().parent
    for folder in (package / "conf", package.parent / "conf"):
        if (folder / "config.yaml").is_file():
            return folder
    raise FileNotFoundError(f"no conf/config.yaml in {package} nor beside it: install retrieval-kd again")
