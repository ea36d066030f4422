"""What the encoders' gradients are worth: one training for each surrogate, rescaling, variant and seed."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple

import pandas as pd

from sqnn.core import require, sweep_progress
from sqnn.data import ImageData
from sqnn.encoding import PLAIN_SURROGATES, RESCALINGS
from sqnn.metrics import count
from sqnn.models import HAS8Config, model_class
from sqnn.studies.encoders.rows import StudyFolder
from sqnn.studies.layerwise import ENCODED, LayeredStudy, known_names, require_count
from sqnn.studies.runner.folder import Row
from sqnn.training import NotFiniteError, Run, RunFolder, TrainingConfig, fit, resume

WITHOUT = "no-snn"
"""The variant without encoders: there is nothing to choose, so that it is trained once a seed."""


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


@dataclasses.dataclass(frozen=True, kw_only=True)
class EncoderStudy(LayeredStudy):
    """What to train and for how long, the same for every cell.

    A seed fixes first weights and the order of the images. `train_images` keeps only the first so many training images
    (all where None); validation and test images stay whole. What is left out of the training is as the network says in
    `training_defaults`. Raises ConfigError on an unknown name or a value that does not fit.
    """

    sizes: ClassVar[Mapping[str, Any]] = MappingProxyType({"width": 4, "hidden": (64,)})

    variants: tuple[str, ...] = (*ENCODED, WITHOUT)
    rescalings: tuple[str, ...] = tuple(RESCALINGS)
    seeds: int = 3
    train_images: int | None = None
    epochs: int = 10
    batch_size: int = 64
    learning_rate: float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "rescalings", known_names("rescalings", self.rescalings, RESCALINGS))
        if self.train_images is not None:
            require_count("train_images", self.train_images, least=2)
        self.training(0)

    @classmethod
    def known(cls, field: str) -> tuple[str, ...]:
        return (*ENCODED, WITHOUT) if field == "variants" else super().known(field)

    def training(self, seed: int) -> TrainingConfig:
        """Return the settings of the training loop for one seed."""
        rate = {} if self.learning_rate is None else {"learning_rate": self.learning_rate}
        given = {"epochs": self.epochs, "batch_size": self.batch_size, **rate, "seed": seed}
        return TrainingConfig.for_model(model_class(self.model), given)

    def cells(self) -> list[EncoderCell]:
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

    def kept(self, data: ImageData) -> ImageData:
        """Return the data that every cell sees; ConfigError where there are fewer training images than asked for."""
        if self.train_images is None:
            return data
        there = len(data.train)
        require(self.train_images <= there, "train_images", self.train_images, f"at most the {there:,} of {data.name}")
        return data.subset(train=self.train_images)

    def describe(self, data: ImageData) -> dict[str, Any]:
        """Return, as plain values, what two cells must have in common to stand in one table."""
        training = self.training(0).to_dict()
        del training["seed"]
        kept = self.kept(data)
        network = self.config(**{field: getattr(kept, field) for field in HAS8Config.data_fields}).to_dict()
        for choice in ("variant", "encoding_surrogate", "rescaling"):
            del network[choice]
        return {
            "study": "encoders",
            "model": self.model,
            "network": network,
            "training": training,
            "data": {"name": kept.name, "train_images": len(kept.train), "sha256": kept.fingerprint},
        }


def encoder_study(study: EncoderStudy, data: ImageData, out: str | Path, progress: bool = False) -> pd.DataFrame:
    """Train every cell that the folder `out` lacks; return one row for each cell of the study, in their order.

    Each finished cell is on the disk at once, in `encoders.csv`, and its run lies in `runs/<cell>`. A study that was
    killed goes on where it stopped, within a cell behind its last epoch; the same folder takes further cells, such as
    those of more seeds, as long as network, data and training stay the same. Columns as in `encoder_rows.COLUMNS`.

    A training whose loss or weights become infinite or NaN is a result as well: its row says so in `failure`, and has
    no numbers. Raises ConfigError where the data do not have the training images asked for, RunError where the folder
    holds something else, cannot be written or is in use by another process.
    """
    kept = study.kept(data)
    folder = StudyFolder(Path(out))
    with folder.open(study.describe(data)):
        rows = folder.rows()
        missing = [cell for cell in study.cells() if cell not in rows]
        with sweep_progress(len(missing), progress) as tick:
            for cell in missing:
                row = train_cell(study, kept, cell, folder.path / "runs" / cell.name)
                rows[cell] = row
                folder.write(rows.values())
                tick(f"{cell.name}: {row['failure'] or format(row['test_accuracy'], '.2%')}")
    return folder.frame([rows[cell] for cell in study.cells()])


def train_cell(study: EncoderStudy, data: ImageData, cell: EncoderCell, place: Path) -> Row:
    """Train one cell, or finish its training, in the folder of its run; return its row."""
    shared = {"model": study.model, "data": data.name, "train_images": len(data.train), "epochs": study.epochs}
    choices = {"encoding_surrogate": cell.surrogate, "rescaling": cell.rescaling} if cell.surrogate else {}
    model = study.build(data, cell.seed, variant=cell.variant, **choices)
    row: Row = {**shared, **cell._asdict(), "parameters": count(model).total}
    try:
        run = _train(study, data, cell.seed, model, RunFolder(place))
    except NotFiniteError as error:
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


def _train(study: EncoderStudy, data: ImageData, seed: int, model: Any, folder: RunFolder) -> Run:
    if folder.result.is_file():
        return Run.load(folder.path)
    if folder.settings.is_file():
        return resume(folder.path, data, progress=False)
    folder.remove_partials()
    return fit(model, data, out=folder.path, progress=False, **study.training(seed).to_dict())


CELL = ["variant", "surrogate", "rescaling"]


def summarise_encoders(frame: pd.DataFrame) -> pd.DataFrame:
    """Return one row a variant, surrogate and rescaling: means over the seeds and standard deviations of accuracies.

    Columns: variant, surrogate, rescaling, seeds (that were trained to the end), failures, parameters, test_accuracy,
    test_spread (sample standard deviation over the seeds, nan for one), validation_accuracy, validation_spread,
    train_loss (of the last epoch, in nats). Accuracies are fractions; numbers without a seed are nan.
    """
    rows = []
    for cell, part in frame.groupby(CELL, sort=False):
        names: Any = cell
        good = part[part.failure == ""]
        rows.append(
            {
                **dict(zip(CELL, names, strict=True)),
                "seeds": len(good),
                "failures": len(part) - len(good),
                "parameters": int(part.parameters.iloc[0]),
                **{
                    f"{split}_{name}": value
                    for split in ("test", "validation")
                    for name, value in _mean_and_spread(good[f"{split}_accuracy"]).items()
                },
                "train_loss": float(good.train_loss.mean()) if len(good) else math.nan,
            }
        )
    return pd.DataFrame(rows)


def _mean_and_spread(values: pd.Series) -> dict[str, float]:
    return {"accuracy": float(values.mean()), "spread": float(values.std(ddof=1))}
