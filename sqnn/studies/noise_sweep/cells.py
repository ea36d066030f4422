"""Cell of a noise sweep: the accuracy of one network under one noise."""

from __future__ import annotations

import hashlib
import time
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

import noise_models
from sqnn.core import Row, computing_in
from sqnn.studies.noise_sweep.columns import KEY
from sqnn.studies.noise_sweep.networks import BATCH, PackedNetwork

if TYPE_CHECKING:
    from sqnn.models import SQDRCNN

SEED_BITS = 32
"""What torch's generator on the CPU keeps of a seed."""


@dataclass(frozen=True, eq=False)
class Task:
    """Everything that the cells of one network share: the network, its angles [images, 3 n] and the labels [images]."""

    network: PackedNetwork
    angles: NDArray[np.generic]
    labels: NDArray[np.int64]


@dataclass(frozen=True)
class Cell:
    """One measurement to be made.

    `noise` and `strength` are the words of the table, `noise_json` what they mean for this network's register;
    `shots` is None where expectations are exact, and `draw` numbers the repetitions with shots. `jobs` and `yes` are
    those of the engine runtime.
    """

    subject: int
    label: str
    noise: str
    strength: float
    engine: str
    shots: int | None
    draw: int | None
    noise_json: str
    fingerprint: str
    jobs: str | None = None
    yes: bool = False

    @property
    def columns(self) -> Row:
        """The columns that distinguish this cell's row from the others of its network."""
        return {name: vars(self)[name] for name in KEY}

    @property
    def seed(self) -> int:
        """Seed of the shots: a digest of the cell alone, whatever was computed before it and wherever."""
        named = repr(sorted(self.columns.items())).encode()
        return int.from_bytes(hashlib.sha256(named).digest()[: SEED_BITS // 8], "big")

    def __str__(self) -> str:
        drawn = "" if self.draw is None else f", draw {self.draw}"
        return f"{self.label}, {self.noise} {self.strength:g}, {self.engine}{drawn}"


def noisy_network(network: PackedNetwork, cell: Cell) -> SQDRCNN:
    """Build the network with its circuit under the cell's noise, on the cell's engine.

    Raises ValueError where the engine cannot evaluate this circuit under this noise.
    """
    from circuits import RuntimeEngine

    noise = noise_models.Noise.from_json(cell.noise_json)
    if cell.shots is None:
        return network.unpack().with_noise(noise, cell.engine)
    generator = torch.Generator().manual_seed(cell.seed)
    options: dict[str, object] = {"jobs": cell.jobs, "yes": cell.yes} if cell.engine == RuntimeEngine.name else {}
    return network.unpack().with_noise(noise, cell.engine, cell.shots, generator=generator, **options)


def measure(task: Task, cell: Cell) -> Row:
    """Return accuracy (a fraction), loss (mean cross-entropy, nats), seconds and versions of one cell.

    Only the circuit and the head are evaluated, in one thread, in batches of a fixed size; sums are in float64.
    """
    from circuits import NoiseWarning
    from sqnn.training import versions

    began = time.perf_counter()
    with computing_in(1), torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore", NoiseWarning)  # it was given when the sweep was drawn up
        model = noisy_network(task.network, cell)
        angles, labels = torch.from_numpy(task.angles.copy()), torch.from_numpy(task.labels.copy())
        correct, loss = 0, 0.0
        for part, truth in zip(angles.split(BATCH), labels.split(BATCH), strict=True):
            logits = model.classify(part).double()
            correct += int((logits.argmax(1) == truth).sum())
            loss += float(F.cross_entropy(logits, truth, reduction="sum"))
    return {
        "accuracy": correct / len(labels),
        "loss": loss / len(labels),
        "seconds": time.perf_counter() - began,
        "versions": " ".join(f"{name}={version}" for name, version in versions().items()),
    }
