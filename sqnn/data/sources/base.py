"""The contract of a data source, and what all sources with published files share."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from sqnn.data.errors import DataError
from sqnn.data.sources.download import fetch
from sqnn.data.split import Split

MOST_UNPACKED, ALLOWED_BYTES = 100, 2**24
"""How many times its packed size a file may have unpacked; smaller ones than ALLOWED_BYTES bytes may have it anyway."""
Records = tuple[NDArray[np.uint8], NDArray[np.uint8]]
"""Images [N, C, H, W] and labels [N]."""


@dataclass(frozen=True, kw_only=True)
class Source(abc.ABC):
    """A named data set; a subclass says how it is read.

    `summary` is one line with its numbers; `validation` is how many training images are held out by default; `folders`
    are the names of the folders that may hold its files, best first, none where it needs no files; `shape` are
    channels, height and width of an image where they are known without reading one.
    """

    name: str
    summary: str
    classes: tuple[str, ...]
    validation: int = 5_000
    folders: tuple[str, ...] = ()
    shape: tuple[int, int, int] | None = None

    @abc.abstractmethod
    def read(self, folders: tuple[Path, ...], download: bool) -> tuple[Split, Split | None]:
        """Return the images to learn from and the official test images, None where there is no official test set.

        `folders` are looked through in this order; missing files are fetched where `download` allows it. Raises
        DataError where files are missing or damaged.
        """

    def __str__(self) -> str:
        return self.summary


@dataclass(frozen=True, kw_only=True)
class PublishedSource(Source):
    """A data set of official files: `downloads` maps the name of each file at `url` to its MD5 digest."""

    url: str
    downloads: Mapping[str, str]

    @property
    @abc.abstractmethod
    def expected(self) -> str:
        """The files that are looked for, in words."""

    @abc.abstractmethod
    def find(self, folder: Path) -> tuple[Path, ...] | None:
        """Return the files to read from this folder, None where it does not hold all of them."""

    @abc.abstractmethod
    def parse(self, paths: tuple[Path, ...]) -> tuple[Records, Records]:
        """Read what `find` returned: the training and the test images with their labels."""

    def has(self, folder: Path, file: str) -> bool:
        """Say whether the folder holds what downloading `file` would bring."""
        return (folder / file).is_file()

    def hint(self, folder: Path) -> str:
        """Return what is worth saying about a folder that lacks files, "" for nothing."""
        return ""

    def read(self, folders: tuple[Path, ...], download: bool) -> tuple[Split, Split]:
        paths = next(filter(None, map(self.find, folders)), None)
        if paths is None:
            fetch(self, folders, download)
            paths = self.find(folders[0])
        if paths is None:
            raise DataError(f"{folders[0]}: lacks some of {self.expected} even after downloading them")
        train, test = self.parse(paths)
        return _split(*train), _split(*test)


def most_unpacked(path: Path) -> int:
    """Return how many bytes a packed file may unpack to: zeros are packed a thousandfold, images are not."""
    return max(ALLOWED_BYTES, MOST_UNPACKED * path.stat().st_size)


def _split(images: NDArray[np.uint8], labels: NDArray[np.uint8]) -> Split:
    writable = np.require(images, requirements=["C", "W"])
    return Split(torch.from_numpy(writable), torch.from_numpy(labels.astype(np.int64)))
