"""Subjects of a noise sweep: networks with their images, ready to be sent to any worker."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import nn

from circuits import QuantumLayer, ReuploadLayer
from sqnn import training as loop
from sqnn.core import ConfigError, Row, brief, require, require_one_of
from sqnn.data import SPLITS, ImageData, Split, can_load
from sqnn.models import (
    SEPARATOR,
    QuantumHead,
    circuits_of,
    config_of,
    known_name,
    load_model,
    read_header,
    require_circuit,
)
from sqnn.studies.noise_sweep.packed import OwnNetwork, Packed, PackedNetwork

if TYPE_CHECKING:
    from sqnn.models import Make


@dataclass(frozen=True, eq=False)
class Subject:
    """One network and the images it is measured on.

    `seed` and `train_noise` say how the network was trained; the seed is None where no run tells. `path` is that of its
    file or run, `named` the data set where the user gave one.
    """

    label: str
    network: Packed
    data: ImageData
    split: str
    images: Split
    seed: int | None = None
    train_noise: str = ""
    path: Path | None = None
    named: str | None = None

    @cached_property
    def registers(self) -> tuple[tuple[int, str], ...]:
        """The wires and the entangler of each circuit, each sort once."""
        layers = circuits_of(self.network.unpack())
        circuits = (layer.circuit for layer in layers if isinstance(layer, ReuploadLayer))
        return tuple(dict.fromkeys((circuit.n_qubits, circuit.entangler_name) for circuit in circuits))

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the network and of the images and labels it is measured on."""
        digest = hashlib.sha256()
        for part in self.network.content(self.images):
            digest.update(part)
        digest.update(f"{tuple(self.images.images.shape)} of {self.images.max_level}".encode())
        digest.update(self.images.images.contiguous().numpy().tobytes())
        digest.update(self.images.labels.contiguous().numpy().tobytes())
        return digest.hexdigest()

    @cached_property
    def columns(self) -> Row:
        """What every row of this network holds."""
        counts = self.network.parameters()
        return {
            "model": self.label,
            "data": self.data.name,
            "split": self.split,
            "images": len(self.images),
            "classes": self.data.num_classes,
            "train_noise": self.train_noise,
            "seed": self.seed,
            "parameters_total": counts.total,
            "parameters_spiking": counts.spiking,
            "parameters_quantum": counts.quantum,
            "parameters_effective": counts.effective,
        }


def open_subjects(
    models: object,
    data: ImageData | None,
    split: str,
    images: int | None,
    data_dir: str | Path | None = None,
    own: Make | None = None,
) -> list[Subject]:
    """Return the networks to measure, each with the first `images` of the `split` (all where None).

    `models` is one or several of: a run's folder, a .safetensors file, a Run, a network. Without `data` a run is
    measured on its own, read from `data_dir` where one is given. Networks of a user's own in files are made by `own`.

    Raises ValueError naming what cannot be opened, does not fit its images or is there twice.
    """
    require_one_of("split", split, SPLITS)
    networks = [models]
    if isinstance(models, Iterable) and not isinstance(models, str | nn.Module):
        networks = list(models)
    if not networks:
        raise ConfigError("models: got none, expected a run's folder, a network's file or a network")
    subjects: list[Subject] = []
    source = _Source(data, data_dir, {})
    for number, each in enumerate(networks):
        subject = _open(each, source, split, images, number if len(networks) > 1 else None, own)
        for other in subjects:
            if other.fingerprint == subject.fingerprint:
                raise ConfigError(f"models: {other.label} and {subject.label} are the same network; give it once")
        subjects.append(subject)
    if own is not None and not any(isinstance(subject.network, OwnNetwork) for subject in subjects):
        raise ConfigError(f"model: got {brief(own)}, expected none: the networks are all of the package")
    return subjects


@dataclass(frozen=True)
class _Source:
    """Where images come from: the given ones, or those of each run, which are loaded once for runs that share them."""

    data: ImageData | None
    data_dir: str | Path | None
    loaded: dict[str, ImageData]

    def of(self, label: str, run: loop.RunFolder | None) -> ImageData:
        if self.data is not None:
            return self.data
        if run is None:
            raise ConfigError(
                f"data: got None for {label}, expected images, since no run tells on which it was trained"
            )
        source: Mapping[str, Any] = run.read_settings()["data"]
        key = json.dumps(source, sort_keys=True, default=str)
        if key not in self.loaded:
            if not can_load(source):
                raise ConfigError(
                    f"data: got None for {label}; pass data=: this run was trained on images that are not a named data "
                    f"set ({source.get('name')}); on the command line, --data PATH"
                )
            self.loaded[key] = run.load_data(self.data_dir)
        return self.loaded[key]


def _open(
    model: object, source: _Source, split: str, images: int | None, number: int | None, own: Make | None
) -> Subject:
    folder: loop.RunFolder | None = None
    path: Path | None = None
    if isinstance(model, loop.Run) and known_name(model.model) is None:
        folder, path, network, label = loop.RunFolder(model.folder), model.folder, model.model, str(model.folder)
    elif isinstance(model, nn.Module):
        network, label = model, known_name(model) or type(model).__name__
        label += "" if number is None else f"-{number}"
    elif isinstance(model, str | Path | loop.Run):
        path = model.folder if isinstance(model, loop.Run) else Path(model)
        label = str(path).encode(errors="replace").decode()
        folder = _run_of(path)
        if path.is_dir() and folder is None:
            read_header(loop.RunFolder(path).model)  # says what the folder lacks
        network = _stored(loop.RunFolder(path).model if path.is_dir() else path, own)
    else:
        raise ConfigError(f"models: got {type(model).__name__}, expected a run's folder, a network's file or a network")
    require_circuit(network, "models", label)
    if any(isinstance(circuit, QuantumLayer) for circuit in circuits_of(network)):
        raise ConfigError(
            f"models: got {label} with a QuantumLayer, whose noise is written in its circuit, expected circuits that "
            "are a ReuploadLayer"
        )
    settings = folder.read_settings() if folder is not None else {}
    data = source.of(label, folder)
    part = _first(data, split, images)
    try:
        loop.check_fit(network, data)
    except ValueError as error:
        raise ConfigError(str(error).replace("the network", label)) from error
    return Subject(
        label,
        PackedNetwork.pack(network) if _is_head(network) else OwnNetwork.pack(network, part),
        data,
        split,
        part,
        seed=settings.get("training", {}).get("seed"),
        train_noise=_train_noise(network),
        path=path,
        named=None if source.data is None else data.name,
    )


def _is_head(network: nn.Module) -> bool:
    """Say whether a network of the package is a front-end and a quantum head on its angles, and nothing else."""
    return known_name(network) is not None and isinstance(network, QuantumHead)


def _stored(file: Path, own: Make | None) -> nn.Module:
    """Return the network of a file, made by `own` where it is of a user's own."""
    name = read_header(file)["model"]
    if SEPARATOR not in name:
        return load_model(file)
    if own is None:
        raise ConfigError(
            f"models: {file} holds a network of your own, {brief(name)[1:-1]}, and no code; give what makes it: "
            "model=function, on the command line --model module:function"
        )
    return load_model(file, own)


def _train_noise(network: nn.Module) -> str:
    """Return the noise of a network's circuits as it came, in one line."""
    config = config_of(network)
    if config is not None and known_name(network) is not None:
        return " ".join(str(config.to_dict().get("noise", "")).split())
    return "; ".join(dict.fromkeys(str(circuit.noise or "none") for circuit in circuits_of(network)))


def _run_of(path: Path) -> loop.RunFolder | None:
    """Return the run that a folder, or the network's file in it, belongs to."""
    folder = loop.RunFolder(path if path.is_dir() else path.parent)
    return folder if folder.settings.is_file() and (path.is_dir() or path == folder.model) else None


def _first(data: object, split: str, images: int | None) -> Split:
    if not isinstance(data, ImageData):
        raise ConfigError(f"data: got {type(data).__name__}, expected an ImageData, such as load_data returns")
    whole = data.splits[split]
    if not len(whole):
        raise ConfigError(f"split: {split} of {data.name} holds no images")
    if images is None:
        return whole
    require(
        1 <= images <= len(whole), "images", images, f"a whole number from 1 to {len(whole):,} ({split} of {data.name})"
    )
    return whole.take(slice(images))
