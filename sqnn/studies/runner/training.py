"""A training of a study in the folder of its run, begun, continued or read."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import nn

from sqnn.data import ImageData

if TYPE_CHECKING:
    from sqnn.models import Make
    from sqnn.training import Run


def finished_run(
    place: Path, model: nn.Module, data: ImageData, settings: Mapping[str, Any], make: Make | None = None
) -> Run:
    """Return the finished run of a folder: read, resumed after its last epoch, or begun with `model`.

    `make` makes the network again where it is of a user's own.
    """
    # Imported here: Lightning takes seconds, and most studies train nothing.
    from sqnn.training import Run, RunFolder, fit, resume

    folder = RunFolder(place)
    if folder.result.is_file():
        return Run.load(place, make)
    with collapse_in_words(f"{place.parent.name}/{place.name}"):
        if folder.settings.is_file():
            return resume(place, data, model=make, progress=False)
        folder.remove_partials()
        return fit(model, data, out=place, progress=False, **settings)


@contextmanager
def collapse_in_words(training: str) -> Iterator[None]:
    """Print that a training collapsed as one line that names it, without a line of code."""
    from sqnn.training import CollapseWarning

    with warnings.catch_warnings():
        usual = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], *place: Any, **options: Any) -> None:
            if issubclass(category, CollapseWarning):
                print(f"warning: {training}: {message}", file=sys.stderr)
            else:
                usual(message, category, *place, **options)

        warnings.showwarning = show  # type: ignore[assignment]
        yield
