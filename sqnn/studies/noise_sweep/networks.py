"""Subjects of a noise sweep: networks with their images, ready to be sent to any worker."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import safetensors.torch
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sqnn import training as loop
from sqnn.core import ConfigError, Row, computing_in, require, require_one_of
from sqnn.data import SPLITS, ImageData, Split, can_load
from sqnn.metrics import count
from sqnn.models import ModelFileError, build, load_model, load_weights, model_class, model_name, require_circuit

if TYPE_CHECKING:
    from sqnn.models import SQDRCNN, SQDRCNNConfig

BATCH = 512
"""Images at a time, in every cell and on every machine, so that rounding is the same everywhere."""
ENCODER_SEED = 0
"""Seed of random encoders, as in every evaluation: two sweeps see the same spikes."""
EVALUATION = ("engine", "noise", "shots", "device", "diff_method")
"""Fields of a configuration that say how the circuit is evaluated, not what the network is."""
ADDED = ("synapse",)
"""Fields that came later, which are left out where they are None, so that older tables know their networks again."""


@dataclass(frozen=True)
class PackedNetwork:
    """A network as plain data, from which it is built again wherever this package is installed; it holds no code.

    Who evaluates its circuit, and under which noise, is left out: a sweep says so itself.
    """

    name: str
    config: str
    weights: bytes

    @classmethod
    def pack(cls, model: SQDRCNN) -> PackedNetwork:
        """Copy a network's name, configuration (JSON) and weights (safetensors)."""
        plain = {
            name: value
            for name, value in model.config.to_dict().items()
            if name not in EVALUATION and (name not in ADDED or value is not None)
        }
        state = {name: tensor.detach().cpu().contiguous() for name, tensor in sorted(model.state_dict().items())}
        return cls(model_name(model), json.dumps(plain), safetensors.torch.save(state))

    def unpack(self) -> SQDRCNN:
        """Build the network, in evaluation mode."""
        config = model_class(self.name).config_class.from_dict(json.loads(self.config))
        model = cast("SQDRCNN", build(self.name, config))
        state = safetensors.torch.load(self.weights)
        for dtype in {tensor.dtype for tensor in state.values() if tensor.is_floating_point()}:
            model.to(dtype)
        load_weights(model, state, "the sweep's network")
        return model.eval().requires_grad_(False)


@dataclass(frozen=True, eq=False)
class Subject:
    """One network and the images it is measured on.

    `seed` and `train_noise` say how the network was trained; the seed is None where no run tells. `path` is that of its
    file or run, `named` the data set where the user gave one.
    """

    label: str
    network: PackedNetwork
    data: ImageData
    split: str
    images: Split
    seed: int | None = None
    train_noise: str = ""
    path: Path | None = None
    named: str | None = None

    @cached_property
    def config(self) -> SQDRCNNConfig:
        """The network's configuration."""
        return self.network.unpack().config

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the network and of the images and labels it is measured on."""
        digest = hashlib.sha256()
        for part in (self.network.name, self.network.config):
            digest.update(part.encode() + b"\0")
        digest.update(self.network.weights)
        digest.update(f"{tuple(self.images.images.shape)} of {self.images.max_level}".encode())
        digest.update(self.images.images.contiguous().numpy().tobytes())
        digest.update(self.images.labels.contiguous().numpy().tobytes())
        return digest.hexdigest()

    @cached_property
    def columns(self) -> Row:
        """What every row of this network holds."""
        counts = count(self.network.unpack().requires_grad_())
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

    @torch.no_grad()
    def angles(self) -> NDArray[np.generic]:
        """Return the angles [images, 3 n_qubits] in radians that the circuit reads: noise does not change them."""
        model = self.network.unpack()
        dtype = next(model.parameters()).dtype
        generator = torch.Generator().manual_seed(ENCODER_SEED)
        with computing_in(1):
            parts: list[Tensor] = [
                model.angles(self.images.floats(slice(start, start + BATCH)).to(dtype), generator)
                for start in range(0, len(self.images), BATCH)
            ]
        return torch.cat(parts).numpy()


def open_subjects(
    models: object, data: ImageData | None, split: str, images: int | None, data_dir: str | Path | None = None
) -> list[Subject]:
    """Return the networks to measure, each with the first `images` of the `split` (all where None).

    `models` is one or several of: a run's folder, a .safetensors file, a Run, a network. Without `data` a run is
    measured on its own, read from `data_dir` where one is given.

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
        subject = _open(each, source, split, images, number if len(networks) > 1 else None)
        for other in subjects:
            if other.fingerprint == subject.fingerprint:
                raise ConfigError(f"models: {other.label} and {subject.label} are the same network; give it once")
        subjects.append(subject)
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


def _open(model: object, source: _Source, split: str, images: int | None, number: int | None) -> Subject:
    folder: loop.RunFolder | None = None
    path: Path | None = None
    if isinstance(model, loop.Run):
        model = model.folder
    if isinstance(model, nn.Module):
        network, label = model, model_name(model) + ("" if number is None else f"-{number}")
    elif isinstance(model, str | Path):
        path = Path(model)
        label = str(path).encode(errors="replace").decode()
        folder = _run_of(path)
        if path.is_dir() and folder is None:
            raise ModelFileError(f"path: no file {loop.RunFolder(path).model}")
        network = load_model(loop.RunFolder(path).model if path.is_dir() else path)
    else:
        raise ConfigError(f"models: got {type(model).__name__}, expected a run's folder, a network's file or a network")
    require_circuit(network, "models", label)
    network = cast("SQDRCNN", network)
    settings = folder.read_settings() if folder is not None else {}
    data = source.of(label, folder)
    part = _first(data, split, images)
    try:
        loop.check_fit(network, data)
    except ValueError as error:
        raise ConfigError(str(error).replace("the network", label)) from error
    return Subject(
        label,
        PackedNetwork.pack(network),
        data,
        split,
        part,
        seed=settings.get("training", {}).get("seed"),
        train_noise=" ".join(str(network.config.to_dict().get("noise", "")).split()),
        path=path,
        named=None if source.data is None else data.name,
    )


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
