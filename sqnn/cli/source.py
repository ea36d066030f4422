"""The network and the images that a command works on."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from noise_models import unknown
from sqnn.cli.options import NOTHING, TIMESTEPS, recordings_in
from sqnn.core import ConfigError, brief, require

if TYPE_CHECKING:
    from torch import nn

    from sqnn.data import ImageData
    from sqnn.models import OwnModel


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
        network: nn.Module = load_spiking(file, own)
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


def open_data(
    path: Path,
    name: str | None,
    data_dir: Path | None,
    size: tuple[int, int] | None = None,
    channels: int | None = None,
    recordings: Mapping[str, Any] = NOTHING,
    split: str = "test",
) -> ImageData:
    """Load the named data, or those of the run in `path`, or the digits where neither says.

    Where the name is that of the run's own data, they are these: RunError where the images are others. Where it is a
    path, the images there are read as the network in `path` takes them; that they are others than the run's is printed,
    and what that means for `split`, the part that is to be measured. `recordings` are options of event recordings,
    before those of the run.
    """
    from sqnn.data import is_path

    if name is not None and is_path(name):
        return _own_data(path, name, data_dir, size, channels, recordings, split)
    if path.is_dir() and (name is None or data_of_run(path) == name):
        from sqnn.training import RunFolder

        require_of_run(path, size, channels, recordings)
        return RunFolder(path).load_data(data_dir)
    return named_data(name or "digits", data_dir, size=size, channels=channels, recordings=recordings)


def _own_data(
    path: Path,
    name: str,
    data_dir: Path | None,
    size: tuple[int, int] | None,
    channels: int | None,
    recordings: Mapping[str, Any],
    split: str,
) -> ImageData:
    """Load images by their path, split as those of the run in `path` where it was trained on a path too."""
    from sqnn.conversion import SPIKING_FORMAT
    from sqnn.data import holds_events, load_source
    from sqnn.encoding import FRAMES
    from sqnn.models import FORMAT, read_header

    require_none("it goes with a published set, not with the path of other images", data_dir=data_dir)
    settings = settings_of(path)
    source = settings.get("data", {})
    options = {key: source[key] for key in OPTIONS if "path" in source and key in source}
    options |= recordings_in(source)
    if holds_events(name):
        options.pop("synthetic", None)  # the run's own were made of pictures, and these are recordings already
    options |= recordings
    config: Mapping[str, Any] = {}
    shape: tuple[object, object] = (None, None)
    classes: list[str] = source.get("classes", [])
    if model_file(path).is_file():
        header = read_header(model_file(path), (FORMAT, SPIKING_FORMAT))
        classes, config = header["classes"] or classes, header["config"]
        if "synthetic" not in options:  # whose frames are larger than the pictures
            shape = config.get("image_size"), config.get("in_channels")
        if config.get("encoding") == FRAMES:
            options.setdefault("timesteps", config["timesteps"])
    trained, held = _takes_recordings(config, source), holds_events(name)
    if trained and not held and "synthetic" not in options:
        raise ConfigError(
            f"data: {name} holds pictures, but {path} was trained on recordings of events; give a folder of "
            "recordings, or --synthetic saccades to make some of the pictures"
        )
    if trained is False and held:
        raise ConfigError(f"data: {name} holds recordings of events, but {path} was trained on pictures; give pictures")
    given = {
        "size": size or options.get("size") or shape[0],
        "channels": channels or options.get("channels") or shape[1],
    }
    options |= {key: value for key, value in given.items() if value is not None}
    data = load_source({"kind": "any", **options, "classes": classes or None}, path=name)
    compare_with_run(path, data, split)
    return data


def compare_with_run(path: Path, data: ImageData, split: str) -> None:
    """Print where images are others than those that the network in `path` was trained on, and what that means.

    ConfigError where their classes are others than the network's.
    """
    from sqnn.cli.output import console
    from sqnn.conversion import SPIKING_FORMAT
    from sqnn.models import FORMAT, read_header

    settings, file = settings_of(path), model_file(path)
    classes: list[str] = settings.get("data", {}).get("classes", [])
    if file.is_file():
        classes = read_header(file, (FORMAT, SPIKING_FORMAT))["classes"] or classes
    if classes and list(data.classes) != classes:
        raise ConfigError(
            f"data: got the classes {brief(list(data.classes))}, expected {brief(classes)}, as {path} has"
        )
    known, drawn = settings.get("data_sha256"), split in data.drawn
    mend = f"may hold images that it was trained on; give folders train and {split}"
    if known not in (None, data.fingerprint):
        anew = f"; {split} was drawn anew and {mend}" if drawn else ""
        console.print(f"note: other images than those that {path} began with: {data!r}{anew}")
    elif known is None and drawn:
        console.print(f"note: {path} does not say what it was trained on; {split} was drawn anew and {mend}")


def _takes_recordings(config: Mapping[str, Any], source: Mapping[str, Any]) -> bool | None:
    """Say whether a network was trained on recordings, by its options or those of its data; None where neither says."""
    from sqnn.data import DATASETS
    from sqnn.encoding import FRAMES

    if "encoding" in config:
        return bool(config["encoding"] == FRAMES)
    if "kind" not in source and source.get("name") not in DATASETS:
        return None
    return TIMESTEPS in source or source.get("kind") == "events"


OPTIONS = ("size", "channels", "validation", "test", "seed")
"""Options of a user's own images that are stored with a run."""


def settings_of(path: Path) -> dict[str, Any]:
    """Return the settings of the run in a folder, or of the run whose network a file is; none where it is no run's."""
    from sqnn.training import RunFolder

    place = RunFolder(path if path.is_dir() else path.parent)
    own = place.settings.is_file() and (path.is_dir() or path == place.model)
    return place.read_settings() if own else {}


def require_none(why: str, **options: object) -> None:
    """Raise ConfigError with the reason where an option is given that goes with other images."""
    for name, value in options.items():
        require(value is None, name, value, f"none: {why}; leave it out")


def require_of_run(
    path: Path, size: tuple[int, int] | None, channels: int | None, recordings: Mapping[str, Any]
) -> None:
    """Raise ConfigError where an option would change the images that the run in `path` was trained on."""
    from sqnn.conversion import SPIKING_FORMAT
    from sqnn.models import FORMAT, read_header

    held = ""
    if size is not None and model_file(path).is_file():
        sides = read_header(model_file(path), (FORMAT, SPIKING_FORMAT))["config"].get("image_size")
        held = "" if sides is None else " ({} x {})".format(*sides)
    require_none(f"the size is that of the network{held}", size=size)
    require_none("the channels are those of the network", in_channels=channels)
    require_none("recordings become frames as they did in the run", **recordings)


def data_of_run(path: Path) -> str | None:
    """Return the name of the data that the run in a folder was trained on; None where there is no run."""
    from sqnn.training import RunFolder

    place = RunFolder(path)
    return str(place.read_settings()["data"].get("name")) if place.settings.is_file() else None


def named_data(
    name: str,
    data_dir: Path | None = None,
    validation: int | None = None,
    size: tuple[int, int] | None = None,
    channels: int | None = None,
    progress: bool = False,
    recordings: Mapping[str, Any] = NOTHING,
) -> ImageData:
    """Load the data set called `name`, or those at a path; ConfigError names the option `data` where there is none.

    Of the options of recordings, `timesteps` is passed over where there are none: it is a network's too.
    """
    from sqnn.data import DATASETS, DataError, holds_events, is_path, load_data

    if name in DATASETS:
        require_none(f"{name} is a published set, whose images are as they are", size=size, in_channels=channels)
    elif not is_path(name):
        raise ConfigError(f"{unknown('data', name, DATASETS)}; or the path of your own images, which nothing is at")
    framed = holds_events(name) or "synthetic" in recordings
    try:
        return load_data(
            name,
            data_dir,
            validation=validation,
            size=size,
            channels=channels,
            progress=progress and is_path(name),
            **{key: value for key, value in recordings.items() if framed or key != "timesteps"},
        )
    except DataError as error:
        argument, _, rest = str(error).partition(": ")
        if argument not in ("name", "path"):
            raise
        # What `load_data` calls so is the option `data` here.
        raise type(error)(f"data: {rest}") from error


def data_flags(data: ImageData) -> list[str]:
    """Return the words of a command that name these images."""
    source = data.source or {}
    size = ["--size", "{}x{}".format(*source["size"])] if "size" in source else []
    channels = ["--in-channels", str(source["channels"])] if "channels" in source else []
    return ["--data", shlex.quote(str(source.get("path", data.name))), *size, *channels]
