"""What a command is pointed at: a run's folder or a network's file, and the data that go with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import nn

from sqnn.conversion import SPIKING_FORMAT, load_spiking
from sqnn.core import require_one_of
from sqnn.data import DATASETS, ImageData, load_data
from sqnn.models import FORMAT, load_model, read_header
from sqnn.training import RunFolder


def model_file(path: Path) -> Path:
    """Return the network's file of a run's folder, or the path itself."""
    return RunFolder(path).model if path.is_dir() else path


def open_model(path: Path) -> tuple[nn.Module, tuple[str, ...]]:
    """Return the network, which may be a converted one, and the names of its classes."""
    file = model_file(path)
    header = read_header(file, (FORMAT, SPIKING_FORMAT))
    model: Any = load_spiking(file) if header["format"] == SPIKING_FORMAT else load_model(file)
    return model, tuple(header["classes"]) or tuple(map(str, range(model.config.num_classes)))


def open_data(path: Path, name: str | None, data_dir: Path | None) -> ImageData:
    """Load the named data, or those of the run in `path`, or the digits where neither says."""
    if name is None and path.is_dir():
        return RunFolder(path).load_data(data_dir)
    return named_data(name or "digits", data_dir)


def named_data(name: str, data_dir: Path | None = None, **options: Any) -> ImageData:
    """Load the data set called `name`; ConfigError names the option `data` where there is none."""
    require_one_of("data", name, DATASETS)
    return load_data(name, data_dir, **options)
