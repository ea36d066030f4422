"""Study of the ways to convert one trained network, and of the effect of each part of the exact way."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import math
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import safetensors.torch
from torch import Tensor, nn

from sqnn.conversion import CALIBRATION_IMAGES, MAX_RATE_STEPS, METHODS, SpikingNetwork, convert, convert_by
from sqnn.core import Row, option, require
from sqnn.data import ImageData
from sqnn.metrics import score
from sqnn.models import Network, model_name
from sqnn.studies.runner import Panel, RowsFolder, Study, kinds, open_network, run_study

if TYPE_CHECKING:
    import pandas as pd

SOURCE, ABLATION = "source", "ablation"
EXACT, *RATES = METHODS
PARTS = ("plane_weights", "bias_shift", "postponed")
"""The parts of the exact conversion, each of which an ablation can leave out; see `sqnn.conversion.convert`."""
RATE_STEPS = (2, 4, 8, 16, 32)
FEW_PLANES = 2
"""Planes of the ablation's short networks, the paper's shortest; it is done with all planes too."""

COLUMNS = kinds("model data: str; images bits: int; method: str; timesteps: int; parts: str; accuracy spikes: float")
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


class ConversionSubject(NamedTuple):
    """A network, the images of every cell, those that thresholds are read off, and the bits of an activation."""

    model: Network
    data: ImageData
    calibration: Tensor
    bits: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class ConversionStudy(Study[ConversionSubject, ConversionCell]):
    """Convert one trained network in every way and compare accuracy and spikes over the time steps.

    Methods: exact with the most significant 1, 2, ... planes of its T bits; firing rates with learned thresholds, with
    the largest activation and with its 99.9th percentile; and the exact one at T and at 2 planes without some of its
    parts (plane weights, bias shift, postponed firing), which tells what each is worth.

    Every finished row is on the disk: the same command goes on where it was stopped.

    Examples:

    sqnn study conversion runs/resnet20

    sqnn study conversion runs/resnet20 --data-dir DIR --images 1000 --rate-steps 4,32,256 --out runs/comparison
    """

    name = "conversion"
    title = "accuracy after conversion, by method and number of time steps"
    columns = COLUMNS
    figure = "sqnn.studies.conversion.figure:plot_conversion"
    key = ConversionCell._fields
    takes = "network"

    images: int | None = option(None, "only the first so many test images (default: all)", least=1)
    rate_steps: tuple[int, ...] = option(RATE_STEPS, "time steps of rates, with commas", least=1, most=MAX_RATE_STEPS)
    calibration: int = option(
        CALIBRATION_IMAGES, "training images that max and percentile read their thresholds off", least=1
    )

    def prepare(self, network: object, images: ImageData | None = None) -> ConversionSubject:
        from sqnn.training import check_fit

        model, data = open_network(network, images)
        check_fit(model, data)
        require(len(data.test) > 0, "data", data.name, "some test images")
        for name, part, split in (("images", data.test, "test"), ("calibration", data.train, "train")):
            count = vars(self)[name]
            expected = f"at most the {len(part):,} of {data.name}, {split}"
            usual = name == "calibration" and count == CALIBRATION_IMAGES  # all there are, where these are fewer
            require(count is None or count <= len(part) or usual, name, count, expected)
        some = data.subset(test=self.images)
        calibration = some.train.floats(slice(self.calibration)).to(next(model.parameters()).dtype)
        # Counted spikes are the strictest: what is converted into them is converted in every way that is measured.
        return ConversionSubject(model, some, calibration, convert(model, plane_weights=False).timesteps)

    def cells(self, subject: ConversionSubject) -> list[ConversionCell]:
        return self.conversions(subject.bits)

    def measure(self, cell: ConversionCell, subject: ConversionSubject) -> Row:
        return dataclasses.asdict(score(convert_cell(cell, subject.model, subject.calibration), subject.data.test))

    def shared_columns(self, subject: ConversionSubject, cell: ConversionCell) -> Row:
        return {"model": model_name(subject.model), "data": subject.data.name, "bits": subject.bits}

    def tell(self, cell: ConversionCell, rows: Sequence[Row]) -> str:
        return ": ".join([f"{cell.method}, {cell.timesteps} steps", *(f"{row['accuracy']:.2%}" for row in rows)])

    def conversions(self, bits: int) -> list[ConversionCell]:
        """List what is measured of a network with so many bits."""
        whole = "+".join(PARTS)
        cells = [ConversionCell(SOURCE, 1, "")]
        cells += [ConversionCell(EXACT, planes, whole) for planes in range(1, bits + 1)]
        cells += [ConversionCell(method, steps, "") for method in RATES for steps in self.rate_steps]
        for planes in dict.fromkeys((min(FEW_PLANES, bits), bits)):
            for chosen in itertools.product((False, True), repeat=len(PARTS)):
                weights, shift, _ = chosen
                # Spikes that all weigh the same need no shift, and as many steps as bits.
                if all(chosen) or not (weights or (shift and planes == bits)):
                    continue
                cells.append(ConversionCell(ABLATION, planes, "+".join(itertools.compress(PARTS, chosen))))
        return list(dict.fromkeys(cells))

    def describe(self, subject: ConversionSubject) -> dict[str, object]:
        model, data = subject.model, subject.data
        state = {name: tensor.detach().cpu().contiguous() for name, tensor in sorted(model.state_dict().items())}
        return {
            "study": self.name,
            "model": model_name(model),
            "network": {**model.config.to_dict(), "sha256": hashlib.sha256(safetensors.torch.save(state)).hexdigest()},
            "calibration": self.calibration,
            "data": {"name": data.name, "images": len(data.test), "sha256": data.fingerprint},
        }

    @classmethod
    def flaw(cls, row: Row) -> str:
        return super().flaw({**row, "spikes": 0.0} if row["method"] == SOURCE else row)

    @classmethod
    def report(cls, rows: pd.DataFrame) -> Iterator[Panel | str]:
        """Yield one table of the methods and one of the parts."""
        one, columns = rows.iloc[0], ("time steps", "accuracy", "spikes per neuron")
        methods = [_line(str(row.method), row) for row in rows[rows.method != ABLATION].itertuples()]
        title = f"{one.model} of {one.bits} bits on {one.data}, {one.images:,} test images"
        yield Panel(title, ("method", *columns), methods)
        parts = rows[(rows.parts != "") & rows.timesteps.isin(rows[rows.method == ABLATION].timesteps)]
        ordered = parts.sort_values("timesteps", kind="stable")
        lines = [_line(str(row.parts).replace("_", " ").replace("+", ", "), row) for row in ordered.itertuples()]
        yield Panel("what is left of the exact conversion", ("parts", *columns), lines)


ConversionFolder = partial(RowsFolder, study=ConversionStudy)
"""The folder of a conversion study at a path, under its earlier name."""


def conversion_study(
    study: ConversionStudy, model: nn.Module, data: ImageData, out: str | Path, progress: bool = False
) -> pd.DataFrame:
    """Measure every conversion that the folder `out` lacks; return one row per cell, in their order.

    `model` is one of the package's networks with QCFS activations and without max pools. Raises ConversionError with
    one line for every layer that cannot be converted, and otherwise as `run_study` does.

    Source: Datta et al., "When SNN meets ANN", Tables 1 and 4.
    """
    return run_study(study, model, data, out=out, progress=progress).frame


def convert_cell(cell: ConversionCell, model: nn.Module, calibration: Tensor) -> nn.Module | SpikingNetwork:
    """Return the network of one cell."""
    if cell.method == SOURCE:
        return model
    if cell.method in RATES:
        return convert_by(cell.method, model, timesteps=cell.timesteps, images=calibration)
    names = cell.parts.split("+")
    parts: dict[str, Any] = {part: part in names for part in PARTS}
    return convert(model, planes=cell.timesteps if parts["plane_weights"] else None, **parts)


def _line(name: str, row: Any) -> tuple[str, ...]:
    spikes = "-" if math.isnan(row.spikes) else f"{row.spikes:.3f}"
    return (name, "-" if row.method == SOURCE else str(row.timesteps), f"{row.accuracy:.2%}", spikes)
