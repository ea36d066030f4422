"""Study of the encoders' gradients: one training per surrogate, rescaling, variant and seed."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from sqnn import training as loop
from sqnn.core import ConfigError, Row, option, require
from sqnn.data import MAX_BATCH, ImageData
from sqnn.encoding import PLAIN_SURROGATES, RESCALINGS
from sqnn.metrics import count
from sqnn.models import model_class
from sqnn.studies.layerwise import ENCODED, LayeredStudy
from sqnn.studies.runner import Panel, RowsFolder, finished_run, kinds, run_study

if TYPE_CHECKING:
    import pandas as pd

CELL = ["variant", "surrogate", "rescaling"]
WITHOUT = "no-snn"
"""The variant without encoders: there is nothing to choose, so that it is trained once per seed."""
VARIANTS = (*ENCODED, WITHOUT)
COLUMNS = kinds(
    "model data: str; train_images epochs: int; variant surrogate rescaling: str; seed parameters: int; "
    "best_epoch: int?; validation_accuracy test_accuracy test_loss train_accuracy train_loss: float; failure: str"
)
"""Every column and the kind of its values.

Accuracies are fractions, losses mean cross-entropies in nats. Validation and test belong to the weights of
`best_epoch`, the epoch that did best on validation images, train to the last epoch. `failure` says why a training ended
early: such a row has no numbers after its parameters.
"""


class EncoderCell(NamedTuple):
    """One training; without encoders it has no surrogate, and one that is not rescaled has no rescaling but none."""

    variant: str
    surrogate: str
    rescaling: str
    seed: int

    @property
    def name(self) -> str:
        """The name of its run's folder."""
        return "-".join(str(part) for part in self if part != "")


Trained = tuple[ImageData, Path]
"""The images of a study and the folder of its runs."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class EncoderStudy(LayeredStudy[EncoderCell]):
    """Train the same network with every gradient of its encoders: surrogate x rescaling x variant, equal budgets.

    Variants: with both branches (hybrid), without ordinary ones (no-ann), without spiking ones (no-snn, once per seed).
    The sines are trained with every rescaling, straight-through and detached without any. A seed fixes first weights
    and the order of the images; what is left out of the training is as the network says in `training_defaults`.
    Accuracies are those of the epoch that did best on validation images, with the standard deviation over the seeds.

    The defaults are 69 trainings of about 7 seconds, 8 minutes on one core. Every finished one is on the disk: the same
    command goes on where it was stopped, and with more seeds, surrogates, rescalings or variants it trains only what is
    new.

    Examples:

    sqnn study encoders

    sqnn study encoders --surrogates sigmoid-sine,straight-through,detached --variants no-ann --seeds 5

    sqnn study encoders --data mnist --data-dir DIR --train-images 5000 --epochs 3 --out runs/encoders-mnist
    """

    name = "encoders"
    title = "trainings by surrogate and rescaling of the encoders"
    columns = COLUMNS
    figure = "sqnn.studies.encoders.figure:plot_encoders"
    key = EncoderCell._fields
    again = "the runs beside it fill it again"
    needs_folder = True
    sizes = MappingProxyType({"width": 4, "hidden": (64,)})

    width: int | None = option(None, "width of the network (default: 4)", least=1)
    hidden: tuple[int, ...] | None = option(None, "dense layers of has8-vgg, with commas (default: 64)", least=1)
    variants: tuple[str, ...] = option(
        (*ENCODED, WITHOUT), "variants of the network, with commas", among=(*ENCODED, WITHOUT)
    )
    rescalings: tuple[str, ...] = option(
        tuple(RESCALINGS), "rescalings of the gradients, with commas", among=RESCALINGS
    )
    seeds: int = option(3, "trainings of each kind, seeds 0, 1, ...", least=1)
    train_images: int | None = option(None, "only the first so many training images (default: all)", least=2)
    epochs: int = option(10, "passes over the training images", least=1)
    batch_size: int = option(64, "images per step", least=2, most=MAX_BATCH)
    learning_rate: float | None = option(None, "peak learning rate (default: the network's)", above=0)

    def validate(self) -> None:
        super().validate()
        self.training(0)

    def training(self, seed: int) -> loop.TrainingConfig:
        """Return the settings of the training loop for one seed."""
        rate = {} if self.learning_rate is None else {"learning_rate": self.learning_rate}
        settings = {"epochs": self.epochs, "batch_size": self.batch_size, **rate, "seed": seed}
        return loop.TrainingConfig.for_model(model_class(self.model), settings)

    def prepare(self, data: ImageData) -> ImageData:
        if self.train_images is None:
            return data
        there = len(data.train)
        require(self.train_images <= there, "train_images", self.train_images, f"at most the {there:,} of {data.name}")
        return data.subset(train=self.train_images)

    def cells(self, subject: ImageData | None = None) -> list[EncoderCell]:
        """List the trainings, all those of one seed before those of the next.

        Straight-through and detached gradients are not rescaled: of all surrogates, they are trained once.
        """
        pairs = []
        for variant in self.variants:
            if variant == WITHOUT:
                pairs.append((variant, "", ""))
                continue
            for surrogate in self.surrogates:
                ways = ("none",) if surrogate in PLAIN_SURROGATES else self.rescalings
                pairs += [(variant, surrogate, way) for way in ways]
        return [EncoderCell(*pair, seed) for seed in range(self.seeds) for pair in pairs]

    def share(
        self, subject: ImageData, cells: Sequence[EncoderCell], folder: Path | None
    ) -> list[tuple[Trained, EncoderCell]]:
        if folder is None:
            raise ConfigError("out: got None, expected a folder, which the runs of the trainings are kept in")
        trained = (subject, folder.resolve() / "runs")
        return [(trained, cell) for cell in cells]

    def measure(self, cell: EncoderCell, subject: Trained) -> Row:
        data, runs = subject
        return train_cell(self, data, cell, runs / cell.name)

    def shared_columns(self, subject: ImageData, cell: EncoderCell) -> Row:
        sizes = {"train_images": len(subject.train), "epochs": self.epochs}
        return {"model": self.model, "data": subject.name, **sizes}

    def tell(self, cell: EncoderCell, rows: Sequence[Row]) -> str:
        return ": ".join([cell.name, *(str(row["failure"] or f"{row['test_accuracy']:.2%}") for row in rows)])

    def describe(self, subject: ImageData) -> dict[str, object]:
        settings = self.training(0).to_dict()
        del settings["seed"]
        sizes = {"in_channels": subject.in_channels, "image_size": subject.image_size}
        network = self.config(**sizes, num_classes=subject.num_classes).to_dict()
        for choice in ("variant", "encoding_surrogate", "rescaling"):
            del network[choice]
        return {
            "study": self.name,
            "model": self.model,
            "network": network,
            "training": settings,
            "data": {"name": subject.name, "train_images": len(subject.train), "sha256": subject.fingerprint},
        }

    @classmethod
    def flaw(cls, row: Row) -> str:
        return "" if row["failure"] else super().flaw(row)

    @classmethod
    def summary(cls, rows: pd.DataFrame) -> pd.DataFrame:
        """Return means over the seeds and standard deviations of accuracies, by variant, surrogate and rescaling.

        Of the seeds that were trained to the end; spreads are sample standard deviations, nan for one seed. Accuracies
        are fractions, the training loss is that of the last epoch in nats.
        """
        import pandas as pd

        lines = []
        for cell, part in rows.groupby(CELL, sort=False):
            good = part[part.failure == ""]
            lines.append(
                {
                    **dict(zip(CELL, cell, strict=True)),
                    "seeds": len(good),
                    "failures": len(part) - len(good),
                    "parameters": int(part.parameters.iloc[0]),
                    "test_accuracy": float(good.test_accuracy.mean()),
                    "test_spread": float(good.test_accuracy.std(ddof=1)),
                    "validation_accuracy": float(good.validation_accuracy.mean()),
                    "validation_spread": float(good.validation_accuracy.std(ddof=1)),
                    "train_loss": float(good.train_loss.mean()) if len(good) else math.nan,
                }
            )
        return pd.DataFrame(lines)

    @classmethod
    def report(cls, rows: pd.DataFrame) -> Iterator[Panel | str]:
        """Yield one table per variant: accuracies, the loss at the end, and how many trainings they come from."""
        one = rows.iloc[0]
        yield (
            f"{one.model}, {one.train_images:,} training images of {one.data}, {one.epochs} epochs: mean and standard "
            "deviation over the seeds; training loss of the last epoch"
        )
        columns = ("surrogate, rescaling", "test (%)", "validation (%)", "loss (nats)", "seeds")
        for variant, part in cls.summary(rows).groupby("variant", sort=False):
            lines = [
                (
                    cell_label(row["surrogate"], row["rescaling"]),
                    _percent(row["test_accuracy"], row["test_spread"]),
                    _percent(row["validation_accuracy"], row["validation_spread"]),
                    "-" if math.isnan(row["train_loss"]) else f"{row['train_loss']:.3f}",
                    f"{row['seeds']} of {row['seeds'] + row['failures']}",
                )
                for row in part.to_dict("records")
            ]
            yield Panel(f"{variant}, {part.parameters.iloc[0]:,} parameters", columns, lines)


summarise_encoders = EncoderStudy.summary
StudyFolder = partial(RowsFolder, study=EncoderStudy)
"""The folder of an encoder study at a path, under its earlier name."""


def encoder_study(study: EncoderStudy, data: ImageData, out: str | Path, progress: bool = False) -> pd.DataFrame:
    """Train every cell that the folder `out` lacks; return one row per cell, in their order, columns as in COLUMNS.

    The run of each cell is in `runs/<cell>` and resumes after its last epoch. A training whose loss or weights become
    infinite or NaN is a result as well: its row says so in `failure`. Raises as `run_study` does.
    """
    return run_study(study, data, out=out, progress=progress).frame


def train_cell(study: EncoderStudy, data: ImageData, cell: EncoderCell, place: Path) -> Row:
    """Train one cell, or finish its training, in the folder of its run; return its row."""
    choices = {"encoding_surrogate": cell.surrogate, "rescaling": cell.rescaling} if cell.surrogate else {}
    model = study.build(data, cell.seed, variant=cell.variant, **choices)
    row: Row = {"parameters": count(model).total}
    try:
        run = finished_run(place, model, data, study.training(cell.seed).to_dict())
    except loop.NotFiniteError as error:
        return {**row, "failure": " ".join(str(error).split())}
    last = run.history.iloc[-1]
    return {
        **row,
        "best_epoch": run.result["best_epoch"],
        "validation_accuracy": run.validation_accuracy,
        "test_accuracy": run.test_accuracy,
        "test_loss": float(run.result["test_loss"]),
        "train_accuracy": float(last.train_accuracy),
        "train_loss": float(last.train_loss),
        "failure": "",
    }


def cell_label(surrogate: str, rescaling: str, failures: int = 0) -> str:
    """Return the name of a cell without its variant."""
    if not surrogate:
        return "no spiking branch"
    failed = f" ({failures} failed)" if failures else ""
    return f"{surrogate}, {rescaling}{failed}"


def _percent(mean: float, spread: float) -> str:
    if math.isnan(mean):
        return "-"
    return f"{100 * mean:.2f}" if math.isnan(spread) else f"{100 * mean:.2f} ± {100 * spread:.2f}"
