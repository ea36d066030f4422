"""A network in one file: safetensors for the weights, its header for the name and the configuration.

Reading such a file runs no code from it: it is a length, a JSON header and raw numbers.
"""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, overload

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from sqnn.core import (
    DIGEST,
    ConfigError,
    RecordError,
    RecordWarning,
    WriteError,
    brief,
    check_digest,
    content_digest,
    is_whole,
    path_of,
    read_json,
    read_record,
    reason,
    require,
    whole_file,
)
from sqnn.models.base import ModelConfig, Network, config_of
from sqnn.models.create import DataShape, build, known_name, model_class, require_network
from sqnn.models.own import SEPARATOR, Make, OwnConfig, layout_of, make_own, own_name
from sqnn.neurons import QCFS

FORMAT = "sqnn-model-1"
VARIANCE = "running_var"
"""How the names of a batch norm's variances end."""
PRECISIONS = frozenset({torch.float32, torch.float64})
"""What a stored network may compute in."""


class ModelFileError(ValueError):
    """A file that cannot be written, or that is not a network of ours: one line saying which and why."""


MOST_HEADER = 2**24
"""Longest header that is read, in bytes: a thousand times that of a deep network."""
METADATA, ALIGNMENT = "__metadata__", 8
"""Where a safetensors file has its texts, and the bytes that its header is a multiple of (its format's description)."""
SPARE = 4
"""How many times the numbers in its file a network may have: folding batch norms drops some."""
MODEL_FILE = "model.safetensors"
"""The network of a run, in the run's folder."""
SETTINGS_FILE = "settings.yaml"
"""What tells a run's folder from others."""
STUDIES: Mapping[str, str] = MappingProxyType({"study": "study", "sweep": "noise-sweep"})
"""Settings of studies that no run has, and what studies are called whose settings hold no name."""


def save_model(
    model: nn.Module,
    path: str | Path,
    classes: Sequence[str] = (),
    *,
    data: DataShape | None = None,
    name: str | None = None,
) -> Path:
    """Write the network, and the names of its classes if any, to `path`; the file appears whole or not at all.

    Of a network that is none of MODELS, the file holds the weights, a `name` (by default "module:Class") and the sizes
    of the images in `data`, where given; `load_model` needs what makes the network as well. Raises ConfigError where
    there are names, but not one for each class, and ModelFileError when the folder cannot be written or the disk is
    full.
    """
    if isinstance(path, nn.Module):
        raise ConfigError(f"path: got {type(path).__name__}, expected a path; the network comes first, then the path")
    known, config = known_name(require_network(model)), config_of(model)
    if known is None or config is None:
        known, own = name or own_name(model), own_config(model, data)
        values, num_classes = own.to_dict(), own.num_classes or len(classes)
    else:
        values, num_classes = config.to_dict(), config.num_classes
    header = {"config": values, "classes": class_names(classes, num_classes)}
    return write_model_file(path, FORMAT, known, header, model.state_dict())


def own_config(model: nn.Module, data: DataShape | None) -> OwnConfig:
    """Return what is stored of a network that is none of MODELS; ConfigError where no file could hold it."""
    layout = layout_of(model)
    if data is None:
        return OwnConfig(layout=layout)
    return OwnConfig(
        layout=layout, in_channels=data.in_channels, image_size=data.image_size, num_classes=data.num_classes
    )


def class_names(classes: Sequence[str], num_classes: int) -> list[str]:
    """Return the names of the classes, none or one for each; ConfigError where they are others."""
    names = list(classes)
    fits = len(names) in (0, num_classes) and all(isinstance(name, str) for name in names)
    require(fits, "classes", names, f"{num_classes} names, one for each class, or none")
    return names


def write_model_file(
    path: str | Path, form: str, name: str, header: Mapping[str, object], state: Mapping[str, Tensor]
) -> Path:
    """Write tensors, the name of a network and what else `header` says in plain values; ModelFileError as above."""
    path = path_of("path", path)
    metadata = {"format": form, "model": name, **{key: json.dumps(value) for key, value in header.items()}}
    # Copies: networks may share one tensor between two names, files of safetensors may not.
    tensors = {key: tensor.detach().cpu().clone(memory_format=torch.contiguous_format) for key, tensor in state.items()}
    metadata[DIGEST] = _digest(metadata, tensors)
    try:
        with whole_file(path) as partial:
            partial.write_bytes(_in_order(safetensors.torch.save(tensors, metadata)))
    except WriteError as error:
        raise ModelFileError(f"path: {error}") from error
    return path


def _in_order(content: bytes) -> bytes:
    """Return the content of a safetensors file with its metadata by name: the library orders them anew in each call."""
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    header[METADATA] = dict(sorted(header[METADATA].items()))
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % ALIGNMENT)
    return b"".join((len(text).to_bytes(8, "little"), text, memoryview(content)[8 + length :]))


def read_header(path: str | Path, formats: Sequence[str] = (FORMAT,)) -> dict[str, Any]:
    """Return format, model (its name), config (a mapping), classes (names); all else of a file's header as text.

    Its digest is that of header and weights, which `check_stored` compares. Raises ModelFileError where the file is not
    one of ours, or of none of these formats.
    """
    path = stored_file(path)
    header = _metadata(path)
    form = header.get("format")
    if form not in formats:
        other = f"; it is of format {brief(form)[1:-1]}" if form else ""
        raise ModelFileError(
            f"path: {path} is a safetensors file, but not a network of sqnn (format {' or '.join(formats)}){other}"
        )
    try:
        classes = read_json(header.get("classes", "[]"))
        contents = {**header, "model": header["model"], "config": read_json(header["config"]), "classes": classes}
    except (KeyError, ValueError) as error:
        raise ModelFileError(f"path: {path} has a damaged header ({reason(error)})") from error
    if not isinstance(classes, list) or not all(isinstance(name, str) for name in classes):
        raise ModelFileError(f"path: {path} has a damaged header (classes are no list of names)")
    return contents


def stored_file(path: str | Path) -> Path:
    """Return the file of a network: `path`, or the one in it where it is a run's folder."""
    path = path_of("path", path)
    return path / MODEL_FILE if path.is_dir() else path


def check_stored(path: Path, state: Mapping[str, Tensor]) -> None:
    """Raise ModelFileError where header and tensors are not those that the digest in the header was taken of."""
    metadata = _metadata(path)
    try:
        check_digest(metadata.get(DIGEST), _digest(metadata, state), str(path))
    except ValueError as error:
        raise ModelFileError(f"path: {path} is damaged ({error}); restore it from a copy, or make it again") from error


_GIVE = "give a run's folder, or a network's file"


def _how_to_find(path: Path) -> str:
    """Say what to do about the file of a network that is missing."""
    if path.name != MODEL_FILE or not path.parent.is_dir():
        return ", expected a run's folder or a network's file; check the spelling and the current folder"
    if other := what_else(path.parent):
        return f"; {other}"
    if (path.parent / SETTINGS_FILE).is_file():
        return "; the run there has not finished: sqnn train --resume FOLDER, or sqnn.resume(folder), goes on with it"
    return f"; {_GIVE}"


def what_else(folder: Path) -> str:
    """Say of a folder that is a study's, or that holds runs, which run in it can be given; nothing of any other."""
    settings = folder / SETTINGS_FILE
    study = _study_in(settings)
    if settings.is_file() and not study:  # a run's own
        return ""
    # The folders of a study are its own; below others may lie anything.
    patterns = (f"**/{MODEL_FILE}",) if study else (f"*/{MODEL_FILE}", f"*/*/{MODEL_FILE}")
    inside = sorted(file.parent for pattern in patterns for file in folder.glob(pattern))
    what = f"{folder} is the folder of the study {study}" if study else f"{folder} is a folder of runs"
    if inside:
        return f"{what}; give one run in it, such as {inside[0]}"
    if not study:
        return ""
    return f"{what}, in which no run has finished; {_GIVE}"


def _study_in(settings: Path) -> str:
    """Return the name of the study that settings describe, nothing where they are none of a study."""
    try:
        with warnings.catch_warnings(action="ignore", category=RecordWarning):
            values = read_record(settings)
    except (RecordError, OSError):  # whoever reads them as a run's says what is wrong
        return ""
    name = next((values.get("study", name) for key, name in STUDIES.items() if key in values), "")
    return name if isinstance(name, str) else ""


def _metadata(path: Path) -> dict[str, str]:
    """Return the texts in a file's header; ModelFileError where it is not a whole safetensors file."""
    if not path.is_file():
        raise ModelFileError(f"path: no file {path}{_how_to_find(path)}")
    try:
        with path.open("rb") as file:
            start = file.read(9)
            length = int.from_bytes(start[:8], "little")
            most = min(max(os.fstat(file.fileno()).st_size - 8, 0), MOST_HEADER)
        if start[8:] != b"{":
            raise ValueError("its beginning is no header")
        if length > most:
            raise ValueError(f"its header announces {length:,} bytes, expected at most {most:,}")
        with safetensors.safe_open(path, framework="pt") as opened:
            return dict(opened.metadata() or {})
    except (safetensors.SafetensorError, OSError, ValueError) as error:
        if path.suffix != Path(MODEL_FILE).suffix:
            raise ModelFileError(
                f"path: {path} is no safetensors file, or no whole one ({reason(error)}); {_GIVE}, such as "
                f"runs/mnist-0/{MODEL_FILE}"
            ) from error
        raise ModelFileError(
            f"path: {path} is not a whole safetensors file ({reason(error)}); restore it from a copy, or train again"
        ) from error


def _digest(metadata: Mapping[str, str], state: Mapping[str, Tensor]) -> str:
    header = {name: text for name, text in metadata.items() if name != DIGEST}
    return content_digest({"header": header, "tensors": dict(state)})


@overload
def load_model(path: str | Path, model: None = None) -> Network: ...


@overload
def load_model(path: str | Path, model: Make) -> nn.Module: ...


def load_model(path: str | Path, model: Make | None = None) -> nn.Module:
    """Read a network written by `save_model`, from its file or from the folder of a run, in evaluation mode.

    One that is none of MODELS is made by `model`, a function or a class without arguments, or is `model` itself: the
    file holds no code. Raises ModelFileError when the file is missing, truncated, of another format, or holds other
    weights than its configuration, or the network made, asks for; ConfigError where `model` makes no network.
    """
    path = stored_file(path)
    header, state = read_header(path), safetensors.torch.load_file(path)
    network = _stored_network(header, state, path, model)
    load_weights(network, state, str(path))
    check_stored(path, state)
    return network.eval()


def _stored_network(header: Mapping[str, Any], state: Mapping[str, Tensor], path: Path, make: Make | None) -> nn.Module:
    """Return the network of a header without its weights: one of MODELS, or the one that `make` makes."""
    name = header["model"]
    if SEPARATOR not in name:
        if make is not None:
            raise ConfigError(f"model: {path} holds a network of the package, {brief(name)}; leave model out")
        return build_stored(header, state, path)
    if make is None:
        raise ModelFileError(
            f"path: {path} holds a network of your own, {brief(name)[1:-1]}, and no code; give what makes it: "
            f"load_model({str(path)!r}, model=function), on the command line --model module:function"
        )
    network = make_own(make, 0, name)
    precisions = {tensor.dtype for tensor in state.values() if tensor.is_floating_point()}
    return network.to(precisions.pop()) if len(precisions) == 1 else network


def build_stored(header: Mapping[str, Any], state: Mapping[str, Tensor], path: str | Path) -> Network:
    """Build the network that a header describes, in the precision of the stored tensors but without their values.

    No number of the header is believed that asks for more than the file holds.
    """
    try:
        config = model_class(header["model"]).config_class.from_stored(header["config"])
        _check_sizes(header["model"], config, state, Path(path).stat().st_size)
        model = build(header["model"], config)
        class_names(header["classes"], config.num_classes)
    except (ValueError, TypeError) as error:
        raise ModelFileError(f"path: {path} has a configuration that builds no network ({reason(error)})") from error
    for precision in _precisions(state, path):
        model.to(precision)
    return model


def _check_sizes(network: str, config: ModelConfig, state: Mapping[str, Tensor], size: int) -> None:
    """Raise ConfigError where the network of a configuration is larger than a file of so many bytes can hold."""
    for name, value in config.to_dict().items():
        for number in value if isinstance(value, list) else [value]:
            require(not is_whole(number) or number <= size, name, value, f"no more than the {size:,} bytes of the file")
    with torch.device("meta"):  # shapes without memory
        size = sum(tensor.numel() for tensor in build(network, config).state_dict().values())
    stored = sum(tensor.numel() for tensor in state.values())
    require(size <= SPARE * stored, "config", size, f"about the {stored:,} numbers that the file holds")


def _precisions(state: Mapping[str, Tensor], path: str | Path) -> set[torch.dtype]:
    """Return the precision of the stored numbers; ModelFileError where they have several, or another."""
    precisions = {tensor.dtype for tensor in state.values() if tensor.is_floating_point()}
    if len(precisions) > 1 or not precisions <= PRECISIONS:
        names = ", ".join(sorted(map(str, precisions)))
        raise ModelFileError(f"path: {path} is damaged: its numbers are {names}, expected all float32 or all float64")
    return precisions


def init_weights(model: nn.Module, path: str | Path) -> None:
    """Give the network the weights of the one in a file of `save_model`, to train on from there.

    Thresholds of QCFS activations that the file lacks, as that of a ReLU network does, stay as they are. Raises
    ModelFileError where the file is damaged, holds a network of another name, or tensors other than this one's.
    """
    path = stored_file(path)
    stored, name = read_header(path)["model"], known_name(require_network(model))
    if stored != name and not (name is None and SEPARATOR in stored):
        raise ModelFileError(f"path: got {stored} in {path}, expected {name or own_name(model)}")
    parts = model.named_modules()
    thresholds = {f"{part}.raw_threshold" for part, module in parts if isinstance(module, QCFS)}
    state = safetensors.torch.load_file(path)
    if name is not None:
        _precisions(state, path)
    load_weights(model, state, str(path), optional=thresholds)
    check_stored(path, state)


def load_weights(model: nn.Module, state: Mapping[str, Tensor], source: str, optional: Collection[str] = ()) -> None:
    """Fill the network's weights, of which those in `optional` may be missing and stay as they are.

    ModelFileError names the first tensor that is missing, superfluous, misshapen, not finite, of another kind of
    numbers, or a negative variance.
    """
    expected = model.state_dict()
    for name in sorted((expected.keys() | state.keys()) - (set(optional) - state.keys())):
        if name not in state:
            raise ModelFileError(f"path: {source} is of another architecture: it lacks {name}")
        if name not in expected:
            raise ModelFileError(f"path: {source} is of another architecture: {name} is unknown here")
        if state[name].shape != expected[name].shape:
            raise ModelFileError(
                f"path: {source} is of another architecture: {name} has shape {list(state[name].shape)}, "
                f"expected {list(expected[name].shape)}"
            )
        # What was infinite from the start, as the mask of an attention, may be.
        if not torch.isfinite(state[name]).all() and not torch.equal(state[name], expected[name].cpu()):
            raise ModelFileError(f"path: {source} is damaged: {name} has NaN or infinite values")
        if state[name].is_floating_point() != expected[name].is_floating_point():
            raise ModelFileError(
                f"path: {source} is damaged: {name} is {state[name].dtype}, not {expected[name].dtype}"
            )
        if name.endswith(VARIANCE) and (state[name] < 0).any():
            raise ModelFileError(f"path: {source} is damaged: {name} has a negative variance")
    model.load_state_dict(state, strict=not optional)
