"""What a study is of: nothing, images, several image sets, a network with images, or several networks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import cast

from torch import nn

from sqnn.core import ConfigError
from sqnn.data import ImageData, require_image_data
from sqnn.models import Network, load_model
from sqnn.training import Run, RunFolder

MOST_SETS = 100
"""Most image sets of one study."""
SUBJECTS: Mapping[str, tuple[int, int, str, str]] = MappingProxyType(
    {
        "nothing": (0, 0, "nothing", ""),
        "data": (1, 1, "images", ", data"),
        "sets": (1, MOST_SETS, "one or more image sets", ", data, data"),
        "network": (1, 2, "a network or a run's folder, and images where it is no run", ", network, data"),
        "networks": (1, 4, "networks or runs' folders, and images where they are no runs", ", networks, data"),
    }
)
"""Least and most arguments of each kind of subject, what they are in words, and how they are written."""


def check_subject(name: str, takes: str, subject: Sequence[object]) -> None:
    """Raise ValueError, saying what the study called `name` takes, unless the subject is of that kind."""
    least, most, words, written = SUBJECTS[takes]
    if not least <= len(subject) <= most:
        types = ", ".join(type(part).__name__ for part in subject) or "nothing"
        raise ConfigError(f"subject: got {types}, expected {words}: study({name!r}{written})")
    if takes in ("data", "sets"):
        for images in subject:
            require_image_data(images)


def open_network(model: object, data: ImageData | None) -> tuple[Network, ImageData]:
    """Return a network and images; `model` is a network, its file, a Run or a run's folder, which has its own images.

    ConfigError where it is none of them, or where there are no images.
    """
    run = RunFolder(model.folder) if isinstance(model, Run) else None
    if isinstance(model, Run):
        network = model.model
    elif isinstance(model, str | Path):
        path = Path(model)
        run = RunFolder(path) if path.is_dir() else None
        network = load_model(path if run is None else run.model)
    elif isinstance(model, nn.Module):
        network = model
    else:
        raise ConfigError(f"network: got {type(model).__name__}, expected a network, its file, or a run's folder")
    if data is None and run is None:
        raise ConfigError("data: got None, expected images, since no run tells on which the network was trained")
    images = run.load_data() if data is None and run is not None else require_image_data(data)
    return cast(Network, network), images
