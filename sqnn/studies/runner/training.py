"""A training of a study in the folder of its run, begun, continued or read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import nn

from sqnn.data import ImageData

if TYPE_CHECKING:
    from sqnn.training import Run


def finished_run(place: Path, model: nn.Module, data: ImageData, settings: Mapping[str, Any]) -> Run:
    """Return the finished run of a folder: read, resumed after its last epoch, or begun with `model`."""
    # Imported here: Lightning takes seconds, and most studies train nothing.
    from sqnn.training import Run, RunFolder, fit, resume

    folder = RunFolder(place)
    if folder.result.is_file():
        return Run.load(place)
    if folder.settings.is_file():
        return resume(place, data, progress=False)
    folder.remove_partials()
    return fit(model, data, out=place, progress=False, **settings)
