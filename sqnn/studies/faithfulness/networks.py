"""Networks whose explanations are measured: runs, files of networks and of converted ones, and modules."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import safetensors.torch
from torch import Tensor, nn

from sqnn.conversion import SPIKING_FORMAT, load_spiking
from sqnn.core import ConfigError
from sqnn.data import ImageData, require_image_data
from sqnn.explain import QualitySubject, subject_of
from sqnn.models import FORMAT, load_model, read_header, shown_name
from sqnn.training import Run, RunFolder

if TYPE_CHECKING:
    from sqnn.models import Make


@dataclass(frozen=True, eq=False)
class ExplainedNetwork:
    """A network under its label, with the images it is explained on and their labels."""

    label: str
    data: str
    subject: QualitySubject
    images: Tensor
    labels: Tensor

    @cached_property
    def fingerprint(self) -> str:
        """The first digits of the SHA-256 of weights, images and labels."""
        state = {name: value.detach().cpu().contiguous() for name, value in self.subject.model.state_dict().items()}
        digest = hashlib.sha256(type(self.subject.model).__qualname__.encode())
        for name, value in sorted(state.items()):
            # One by one: converted networks share tensors with their source, which one file may not hold twice.
            digest.update(name.encode() + safetensors.torch.save({"value": value.clone()}))
        digest.update(safetensors.torch.save({"images": self.images, "labels": self.labels}))
        return digest.hexdigest()[:16]


def open_networks(
    models: object, data: ImageData | None, images: int, data_dir: str | Path | None = None, own: Make | None = None
) -> list[ExplainedNetwork]:
    """Return networks with the first so many test images of `data`, or of the run that each comes from.

    `models` is one or several of: a run's folder, a network's file, converted or not, a Run, a network. Raises
    ValueError naming what cannot be opened, does not fit its images or is there twice.
    """
    several = isinstance(models, Iterable) and not isinstance(models, str | nn.Module)
    given = list(models) if several and isinstance(models, Iterable) else [models]
    if not given:
        raise ConfigError("models: got none, expected a run's folder, a network's file or a network")
    found: list[ExplainedNetwork] = []
    for number, model in enumerate(given):
        label, network, run = _open(model, own)
        if data is None and run is None:
            raise ConfigError(
                f"data: got None for {label}, expected images, since no run tells on which it was trained"
            )
        own_images = require_image_data(data) if data is not None or run is None else run.load_data(data_dir)
        subject, chosen = subject_of(network, own_images, images)
        label = label if all(label != other.label for other in found) else f"{label}-{number}"
        part = ExplainedNetwork(label, own_images.name, subject, chosen, own_images.test.labels[:images])
        for other in found:
            if other.fingerprint == part.fingerprint:
                raise ConfigError(f"models: {other.label} and {label} are the same network; give it once")
        found.append(part)
    return found


def _open(model: object, own: Make | None) -> tuple[str, nn.Module, RunFolder | None]:
    """Return the label of a network, the network, and the run that it comes from."""
    if isinstance(model, Run):
        return str(model.folder), model.model, RunFolder(model.folder)
    if isinstance(model, nn.Module):
        return shown_name(model), model, None
    if not isinstance(model, str | Path):
        raise ConfigError(f"models: got {type(model).__name__}, expected a run's folder, a network's file or a network")
    path = Path(model)
    run = RunFolder(path) if path.is_dir() else None
    file = path if run is None else run.model
    if read_header(file, (FORMAT, SPIKING_FORMAT))["format"] == SPIKING_FORMAT:
        return str(path), load_spiking(file, own), run
    network = load_model(file) if own is None else load_model(file, own)
    return str(path), network, run
