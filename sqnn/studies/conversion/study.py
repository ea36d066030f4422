"""What each way to convert one trained network makes of it, and what each part of the exact one is worth."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple

import pandas as pd
import safetensors.torch
from torch import Tensor, nn

from sqnn.conversion import CALIBRATION_IMAGES, MAX_RATE_STEPS, METHODS, SpikingNetwork, convert, convert_by
from sqnn.core import require, sweep_progress
from sqnn.data import ImageData
from sqnn.metrics import score
from sqnn.models import model_name
from sqnn.studies.runner.folder import RowsFolder
from sqnn.training import check_fit

SOURCE, ABLATION = "source", "ablation"
EXACT, *RATES = METHODS
PARTS = ("plane_weights", "bias_shift", "postponed")
"""The parts of the exact conversion, each of which an ablation can leave out; see `sqnn.conversion.convert`."""
RATE_STEPS = (2, 4, 8, 16, 32)
FEW_PLANES = 2
"""Planes that the ablation is done with beside all of them; the paper's shortest network."""

COLUMNS: Mapping[str, str] = MappingProxyType(
    {
        "model": "str",
        "data": "str",
        "images": "int64",
        "bits": "int64",
        "method": "str",
        "timesteps": "int64",
        "parts": "str",
        "accuracy": "float64",
        "spikes": "float64",
    }
)
"""Every column and the kind of its values.

`images` is how many test images were classified, `bits` what an activation of the network has. `method` is source,
exact (the first `timesteps` planes), ablation (the exact one without all its `parts`, which are joined by +) or one of
the rates; the source has one time step. `accuracy` is a fraction, `spikes` the mean per neuron and image, missing for
the source.
"""


class ConversionCell(NamedTuple):
    """One network to measure."""

    method: str
    timesteps: int
    parts: str


class ConversionFolder(RowsFolder):
    """The folder of a conversion study."""

    file: ClassVar[str] = "conversion.csv"
    columns: ClassVar[Mapping[str, str]] = COLUMNS
    key: ClassVar[tuple[str, ...]] = ConversionCell._fields
    again: ClassVar[str] = "the same command measures it again"

    @staticmethod
    def complete(frame: pd.DataFrame) -> pd.DataFrame:
        return frame.assign(spikes=frame.spikes.mask(frame.method == SOURCE, 0.0))


@dataclass(frozen=True, kw_only=True)
class ConversionStudy:
    """What to measure: conversions by rate in `rate_steps` time steps, all on the first `images` test images.

    `images` None takes all. Raises ConfigError on a value that does not fit.
    """

    images: int | None = None
    rate_steps: tuple[int, ...] = RATE_STEPS
    calibration: int = CALIBRATION_IMAGES

    def __post_init__(self) -> None:
        whole = all(isinstance(steps, int) and 1 <= steps <= MAX_RATE_STEPS for steps in self.rate_steps)
        require(whole, "rate_steps", self.rate_steps, f"whole numbers from 1 to {MAX_RATE_STEPS:,}, such as 2,4,8")
        require(self.calibration >= 1, "calibration", self.calibration, "at least 1 training image")
        require(self.images is None or self.images >= 1, "images", self.images, "at least 1 image, or none for all")

    def cells(self, bits: int) -> list[ConversionCell]:
        """List what is measured of a network with so many bits."""
        whole = "+".join(PARTS)
        cells = [ConversionCell(SOURCE, 1, "")]
        cells += [ConversionCell(EXACT, planes, whole) for planes in range(1, bits + 1)]
        cells += [ConversionCell(method, steps, "") for method in RATES for steps in self.rate_steps]
        for planes in dict.fromkeys((min(FEW_PLANES, bits), bits)):
            for kept in itertools.product((False, True), repeat=len(PARTS)):
                weights, shift, _ = kept
                # Spikes that all weigh the same need no shift, and as many steps as bits.
                if all(kept) or not (weights or (shift and planes == bits)):
                    continue
                cells.append(ConversionCell(ABLATION, planes, "+".join(itertools.compress(PARTS, kept))))
        return list(dict.fromkeys(cells))

    def kept(self, data: ImageData) -> ImageData:
        """Return the data that every cell sees; ConfigError where there are fewer images than asked for."""
        there = len(data.test)
        require(there > 0, "data", data.name, "some test images")
        fits = self.images is None or self.images <= there
        require(fits, "images", self.images, f"at most the {there:,} of {data.name}, test")
        learned_from = len(data.train)
        expected = f"at most the {learned_from:,} of {data.name}, train"
        require(self.calibration <= learned_from, "calibration", self.calibration, expected)
        return data.subset(test=self.images)

    def describe(self, model: nn.Module, data: ImageData) -> dict[str, Any]:
        """Return, as plain values, what two cells must have in common to stand in one table."""
        kept = self.kept(data)
        state = {name: tensor.detach().cpu().contiguous() for name, tensor in sorted(model.state_dict().items())}
        config: Any = model.config
        return {
            "study": "conversion",
            "model": model_name(model),
            "network": {**config.to_dict(), "sha256": hashlib.sha256(safetensors.torch.save(state)).hexdigest()},
            "calibration": self.calibration,
            "data": {"name": kept.name, "images": len(kept.test), "sha256": kept.fingerprint},
        }


def conversion_study(
    study: ConversionStudy, model: nn.Module, data: ImageData, out: str | Path, progress: bool = False
) -> pd.DataFrame:
    """Measure every conversion that the folder `out` lacks; return one row for each, in the order of the cells.

    `model` is one of the package's networks with QCFS activations. Each finished row is on the disk at once, in
    `conversion.csv`: a study that was killed goes on where it stopped, and the same folder takes further `rate_steps`
    as long as network and data stay the same. Columns as in `conversion_study.COLUMNS`.

    Raises ConversionError with one line for every layer that cannot be converted, ConfigError where the images are too
    few, ValueError where they do not fit the network, RunError where the folder holds something else, cannot be written
    or is in use by another process.

    Source: Datta et al., "When SNN meets ANN", Tables 1 and 4.
    """
    check_fit(model, data)
    kept = study.kept(data)
    calibration = kept.train.floats(slice(study.calibration)).to(next(model.parameters()).dtype)
    bits = convert(model).timesteps
    folder = ConversionFolder(Path(out))
    cells = study.cells(bits)
    with folder.open(study.describe(model, data)):
        rows = folder.rows()
        missing = [cell for cell in cells if cell not in rows]
        with sweep_progress(len(missing), progress) as tick:
            for cell in missing:
                measured = score(convert_cell(cell, model, calibration), kept.test)
                shared = {"model": model_name(model), "data": kept.name, "bits": bits}
                rows[cell] = {**shared, **cell._asdict(), **dataclasses.asdict(measured)}
                folder.write(rows.values())
                tick(f"{cell.method}, {cell.timesteps} steps: {measured.accuracy:.2%}")
    return folder.frame([rows[cell] for cell in cells])


def convert_cell(cell: ConversionCell, model: nn.Module, calibration: Tensor) -> nn.Module | SpikingNetwork:
    """Return the network of one cell."""
    if cell.method == SOURCE:
        return model
    if cell.method in RATES:
        return convert_by(cell.method, model, timesteps=cell.timesteps, images=calibration)
    kept = cell.parts.split("+")
    parts: dict[str, Any] = {part: part in kept for part in PARTS}
    return convert(model, planes=cell.timesteps if parts["plane_weights"] else None, **parts)
