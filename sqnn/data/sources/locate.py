"""The data directory, and the folders of it that are searched for a data set."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from sqnn.data.errors import DataError, user_path

ENVIRONMENT = "SQNN_DATA"


def data_root(data_dir: str | os.PathLike[str] | None) -> Path:
    """Return `data_dir`, else the environment's SQNN_DATA, else this user's cache folder."""
    if data_dir is not None:
        name, root = "data_dir", user_path("data_dir", data_dir)
    elif os.environ.get(ENVIRONMENT):
        name, root = ENVIRONMENT, user_path(ENVIRONMENT, os.environ[ENVIRONMENT])
    else:
        import pooch

        return Path(pooch.os_cache("sqnn"))
    if root.exists() and not root.is_dir():
        raise DataError(f"{name}: got the file {str(root)!r}, expected the folder that holds the data")
    return root


def search_folders(root: Path, names: tuple[str, ...], others: Iterable[str]) -> tuple[Path, ...]:
    """List the folders that may hold a data set, best first; `names` are those of its own folders.

    These come before `root` itself, because the MNIST family shares its files' names; and a `root` that is named as a
    folder of another data set, one of `others`, is not searched at all.
    """
    named = [folder for name in names for folder in (root / name, root / name / "raw")]
    absolute = root.absolute()
    own = absolute.parent.name if absolute.name == "raw" else absolute.name
    return tuple(named) if own.lower() in {name.lower() for name in others} else (*named, root)
