"""Downloads of official files that no searched folder holds."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from sqnn.data.errors import DataError, MissingDataError, reason
from sqnn.data.sources.locate import ENVIRONMENT

if TYPE_CHECKING:
    from sqnn.data.sources.base import PublishedSource


def fetch(source: PublishedSource, folders: tuple[Path, ...], allowed: bool) -> None:
    """Download the files of `source` that the first folder lacks, checking each against its published digest.

    Files that are already there are left as they are: they may be the user's own. Raises MissingDataError,
    naming all the folders that were searched, where downloading is not allowed, DataError where it fails.
    """
    if not allowed:
        raise MissingDataError(f"{_not_found(source, folders)}; {_remedy()}, or allow the download (download=True)")
    import pooch

    folder = folders[0]
    for name, md5 in source.downloads.items():
        if source.has(folder, name):
            continue
        url = source.url + name
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with _quiet_pooch():
                pooch.retrieve(url, known_hash=f"md5:{md5}", fname=name, path=folder, progressbar=True)
        except (OSError, ValueError) as error:
            raise DataError(
                f"{_not_found(source, folders)}, and {url} could not be saved in {folder} ({_why(error)}); {_remedy()}"
            ) from error


@contextlib.contextmanager
def _quiet_pooch() -> Iterator[None]:
    """Within the block, pooch shows its progress bar and no log lines; an error names the address itself."""
    import pooch

    logger = pooch.get_logger()
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)


def _not_found(source: PublishedSource, folders: tuple[Path, ...]) -> str:
    places = ", ".join(map(str, folders))
    hint = next(filter(None, map(source.hint, folders)), "")
    return f"name: {source.name!r} is not found, expected {source.expected}; looked in {places}{hint}"


def _why(error: OSError | ValueError) -> str:
    """Return the reason in short; a connection that was never made has no system error and no answer."""
    unreached = isinstance(error, OSError) and error.errno is None and getattr(error, "response", None) is None
    return f"{type(error).__name__}: no connection" if unreached else reason(error)


def _remedy() -> str:
    return f"put them in one of these folders, or point --data-dir (data_dir) or {ENVIRONMENT} at theirs"
