"""Cell of a noise sweep: the accuracy of one network under one noise."""

from __future__ import annotations

import hashlib
import time
import warnings
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional as F

import noise_models
from sqnn.core import Row, computing_in
from sqnn.models import change_circuits
from sqnn.studies.noise_sweep.columns import KEY
from sqnn.studies.noise_sweep.packed import BATCH, ENCODER_SEED, Inputs, Packed

SEED_BITS = 32
"""What torch's generator on the CPU keeps of a seed."""


@dataclass(frozen=True, eq=False)
class Task:
    """Everything that the cells of one network share: the network, what it is evaluated on and the labels [images]."""

    network: Packed
    inputs: Inputs
    labels: NDArray[np.int64]


@dataclass(frozen=True)
class SweepCell:
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


Cell = SweepCell
"""The same, by its earlier name."""


def noisy_network(network: Packed, cell: SweepCell) -> nn.Module:
    """Build the network with its circuits under the cell's noise, on the cell's engine.

    Raises ValueError where the engine cannot evaluate a circuit under this noise.
    """
    from circuits import RuntimeEngine

    noise = noise_models.Noise.from_json(cell.noise_json)
    options: dict[str, object] = {}
    if cell.shots is not None:
        # One for all circuits, which are to draw other shots.
        options["generator"] = torch.Generator().manual_seed(cell.seed)
        if cell.engine == RuntimeEngine.name:
            options |= {"jobs": cell.jobs, "yes": cell.yes}
    return change_circuits(
        network.unpack(), lambda circuit: circuit.with_noise(noise, cell.engine, cell.shots, **options)
    )


def measure(task: Task, cell: SweepCell) -> Row:
    """Return accuracy (a fraction), loss (mean cross-entropy, nats), seconds and versions of one cell.

    Only what noise can reach is evaluated, in one thread, in batches of a fixed size; sums are in float64.
    """
    from circuits import NoiseWarning
    from sqnn.training import versions

    began = time.perf_counter()
    with computing_in(1), torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore", NoiseWarning)  # it was given when the sweep was drawn up
        model = noisy_network(task.network, cell)
        labels = torch.from_numpy(task.labels.copy())
        correct, loss = 0, 0.0
        seed = ENCODER_SEED if cell.shots is None else cell.seed
        batches = task.network.logits(model, task.inputs, seed)
        for part, truth in zip(batches, labels.split(BATCH), strict=True):
            logits = part.double()
            correct += int((logits.argmax(1) == truth).sum())
            loss += float(F.cross_entropy(logits, truth, reduction="sum"))
    return {
        "accuracy": correct / len(labels),
        "loss": loss / len(labels),
        "seconds": time.perf_counter() - began,
        "versions": " ".join(f"{name}={version}" for name, version in versions().items()),
    }
