"""The network and the images that a command works on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqnn.core import ConfigError, brief, require_one_of

if TYPE_CHECKING:
    from torch import nn

    from sqnn.cli.own import OwnModel
    from sqnn.data import ImageData


def model_file(path: Path) -> Path:
    """Return the network's file of a run's folder, or the path itself."""
    if not path.is_dir():
        return path
    from sqnn.training import RunFolder

    return RunFolder(path).model


@dataclass(frozen=True)
class Opened:
    """A network, which may be a converted one, the names of its classes, and what is stored of it."""

    network: nn.Module
    classes: tuple[str, ...]
    config: Mapping[str, Any]


def open_model(path: Path, own: OwnModel | None = None) -> Opened:
    """Read a network; one of the user's own is made by `own`, and the error where that is missing names the option."""
    from sqnn.conversion import SPIKING_FORMAT, load_spiking
    from sqnn.models import FORMAT, SEPARATOR, ModelFileError, load_model, read_header

    file = model_file(path)
    header = read_header(file, (FORMAT, SPIKING_FORMAT))
    if header["format"] == SPIKING_FORMAT:
        network: nn.Module = load_spiking(file)
    elif own is None and SEPARATOR in header["model"]:
        raise ModelFileError(
            f"path: {path} holds a network of your own, {brief(header['model'])[1:-1]}, and no code; add --model "
            "module:function, and --model-options where it was made with some"
        )
    else:
        network = load_model(file) if own is None else load_model(file, own)
    number = header["config"].get("num_classes") or 0
    return Opened(network, tuple(header["classes"]) or tuple(map(str, range(number))), header["config"])


def open_source(path: Path, own: OwnModel | None = None) -> tuple[nn.Module, tuple[str, ...]]:
    """Return a network that can be converted, and the names of its classes; ConfigError where it is converted."""
    from sqnn.conversion import SpikingNetwork

    opened = open_model(path, own)
    model, classes = opened.network, opened.classes
    if isinstance(model, SpikingNetwork):
        raise ConfigError(f"path: got {path}, a network that is converted already, expected the one it came from")
    return model, classes


def open_data(path: Path, name: str | None, data_dir: Path | None) -> ImageData:
    """Load the named data, or those of the run in `path`, or the digits where neither says.

    Where the name is that of the run's own data, they are these: RunError where the images are others.
    """
    if path.is_dir() and (name is None or data_of_run(path) == name):
        from sqnn.training import RunFolder

        return RunFolder(path).load_data(data_dir)
    return named_data(name or "digits", data_dir)


def data_of_run(path: Path) -> str | None:
    """Return the name of the data that the run in a folder was trained on; None where there is no run."""
    from sqnn.training import RunFolder

    place = RunFolder(path)
    return str(place.read_settings()["data"].get("name")) if place.settings.is_file() else None


def named_data(name: str, data_dir: Path | None = None, validation: int | None = None) -> ImageData:
    """Load the data set called `name`; ConfigError names the option `data` where there is none."""
    from sqnn.data import DATASETS, load_data

    require_one_of("data", name, DATASETS)
    return load_data(name, data_dir, validation=validation)
