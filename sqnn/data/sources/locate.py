"""Where a data set's files lie: the data directory and the folders looked through, in order."""

from __future__ import annotations

import os
from pathlib import Path

import pooch

from sqnn.data.errors import DataError, user_path
from sqnn.data.sources.catalogue import CIFAR_ARCHIVE, CIFAR_FILES, CIFAR_FOLDER, IDX_FILES, SOURCES, Source

ENVIRONMENT = "SQNN_DATA"


def data_root(data_dir: str | os.PathLike[str] | None) -> Path:
    """Return `data_dir`, else the environment's SQNN_DATA, else this user's cache folder."""
    if data_dir is not None:
        name, root = "data_dir", user_path("data_dir", data_dir)
    elif os.environ.get(ENVIRONMENT):
        name, root = ENVIRONMENT, user_path(ENVIRONMENT, os.environ[ENVIRONMENT])
    else:
        return Path(pooch.os_cache("sqnn"))
    if root.exists() and not root.is_dir():
        raise DataError(f"{name}: got the file {str(root)!r}, expected the folder that holds the data")
    return root


def search_folders(root: Path, source: Source) -> tuple[Path, ...]:
    """List the folders that may hold `source`, best first.

    Folders named after the data set come before `root` itself, because the MNIST family shares its files'
    names; and a `root` that is named after another data set is not searched at all.
    """
    named = [folder for name in source.folders for folder in (root / name, root / name / "raw")]
    absolute = root.absolute()
    own = absolute.parent.name if absolute.name == "raw" else absolute.name
    others = {name.lower() for other in SOURCES.values() if other is not source for name in other.folders}
    return tuple(named) if own.lower() in others else (*named, root)


def idx_path(folder: Path, name: str) -> Path | None:
    """Return the file `name`, or else `name`.gz, of `folder` if there is one."""
    return next((path for path in (folder / name, folder / f"{name}.gz") if path.is_file()), None)


def find_idx(folders: tuple[Path, ...]) -> tuple[Path, ...] | None:
    """Return the four IDX files of the first folder that has all of them."""
    for folder in folders:
        paths = tuple(path for name in IDX_FILES if (path := idx_path(folder, name)) is not None)
        if len(paths) == len(IDX_FILES):
            return paths
    return None


def find_cifar(folders: tuple[Path, ...]) -> Path | None:
    """Return the first folder with all six batches, or the first official archive, whichever comes first."""
    for folder in folders:
        for batches in (folder / CIFAR_FOLDER, folder):
            if all((batches / name).is_file() for name in CIFAR_FILES):
                return batches
        if (folder / CIFAR_ARCHIVE).is_file():
            return folder / CIFAR_ARCHIVE
    return None
