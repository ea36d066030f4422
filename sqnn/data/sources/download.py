"""Fetching a data set's official files when they are on no searched folder."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path

import pooch

from sqnn.data.errors import DataError, reason
from sqnn.data.sources.catalogue import CIFAR_ARCHIVE, CIFAR_FILES, CIFAR_FOLDER, IDX_FILES, Source
from sqnn.data.sources.locate import ENVIRONMENT, idx_path


def fetch(source: Source, folder: Path, searched: tuple[Path, ...], allowed: bool) -> None:
    """Download the files of `source` that `folder` lacks, checking each against its published digest.

    Files that are already there are left as they are: they may be the user's own.

    Raises:
        DataError: downloading is not allowed or fails; the line says what was sought where.
    """
    if not allowed:
        raise DataError(f"{_not_found(source, searched)}; {_remedy()}, or allow the download (download=True)")
    for name, md5 in source.downloads.items():
        if idx_path(folder, name.removesuffix(".gz")) is not None:
            continue
        url = source.url + name
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with _quiet_pooch():
                pooch.retrieve(url, known_hash=f"md5:{md5}", fname=name, path=folder, progressbar=True)
        except (OSError, ValueError) as error:
            raise DataError(
                f"{_not_found(source, searched)}, and {url} could not be saved in {folder} ({_why(error)}); {_remedy()}"
            ) from error


@contextlib.contextmanager
def _quiet_pooch() -> Iterator[None]:
    """Leave the progress bar to tell of a download; where it fails, the error names the address."""
    logger = pooch.get_logger()
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)


def _not_found(source: Source, searched: tuple[Path, ...]) -> str:
    places = ", ".join(str(folder) for folder in searched)
    if CIFAR_ARCHIVE in source.downloads:
        files = f"{CIFAR_FOLDER}/ ({', '.join(CIFAR_FILES)}) or {CIFAR_ARCHIVE}"
        hints = map(_pickled_cifar, searched)
    else:
        files = ", ".join(f"{name}[.gz]" for name in IDX_FILES)
        hints = map(_partial_idx, searched)
    return f"name: {source.name!r} is not found, expected {files}; looked in {places}{next(filter(None, hints), '')}"


def _pickled_cifar(folder: Path) -> str:
    if not (folder / "cifar-10-batches-py").is_dir():
        return ""
    return f" ({folder} has CIFAR-10 as pickles, which are not read: the binary version is needed)"


def _partial_idx(folder: Path) -> str:
    lacking = [name for name in IDX_FILES if idx_path(folder, name) is None]
    return f" ({folder} lacks only {', '.join(lacking)})" if 0 < len(lacking) < len(IDX_FILES) else ""


def _why(error: OSError | ValueError) -> str:
    """Spare the reader the inside of a connection that was never made: no system error, and no answer."""
    unreached = isinstance(error, OSError) and error.errno is None and getattr(error, "response", None) is None
    return f"{type(error).__name__}: no connection" if unreached else reason(error)


def _remedy() -> str:
    return f"put them in one of these folders, or point --data-dir (data_dir) or {ENVIRONMENT} at theirs"
