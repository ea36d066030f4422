"""A training of a study in the folder of its run, begun, continued or read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from sqnn import training as loop
from sqnn.data import ImageData


def finished_run(place: Path, model: nn.Module, data: ImageData, settings: Mapping[str, Any]) -> loop.Run:
    """Return the finished run of a folder: read, resumed after its last epoch, or begun with `model`."""
    folder = loop.RunFolder(place)
    if folder.result.is_file():
        return loop.Run.load(place)
    if folder.settings.is_file():
        return loop.resume(place, data, progress=False)
    folder.remove_partials()
    return loop.fit(model, data, out=place, progress=False, **settings)
