"""Study of networks beside each other: the same images, seeds, budget of parameters and tries for each."""

from __future__ import annotations

import dataclasses
import hashlib
import re
import shutil
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from torch import nn

from sqnn.core import ConfigError, Row, commit, machine, option, require
from sqnn.data import SEED_LIMIT, ImageData, Split
from sqnn.metrics import count, effective_parameters, operations, predict_logits
from sqnn.models import PARTS
from sqnn.studies.compare.budget import MOST_PARAMETERS
from sqnn.studies.compare.labels import name_folder
from sqnn.studies.compare.parts import fewer, noisy
from sqnn.studies.compare.rivals import Entry, parse_models
from sqnn.studies.compare.significance import check_network
from sqnn.studies.compare.summary import papers, report, summarise
from sqnn.studies.compare.tuning import SEED, Choice, check_tuning, tune
from sqnn.studies.runner import Panel, Study, finished_run, kinds
from sqnn.studies.seeds import parse_seeds
from sqnn.training import CollapseWarning, NotFiniteError

if TYPE_CHECKING:
    import pandas as pd

    from sqnn.training import Run

MODELS = ("sqdr-cnn", "snn-mlp")
"""The networks where nothing else is asked for."""
COLUMNS = kinds(
    "model data: str; seed train_images: int; budget: int?; noise: float; parameters: int; effective: int?; "
    "spiking quantum classical: int; validation_accuracy test_accuracy: float?; "
    "accumulates multiply_accumulates energy seconds: float?; epochs batch_size: int; "
    "learning_rate weight_decay: float; tries: int; failure commit machine settings: str"
)
"""Every column and the kind of its values.

Accuracies are fractions, of the weights of the epoch that did best on validation images; the test images were read once
per training, and once more under each `noise`, the standard deviation of normal noise on them. `parameters`, and those
of each part, are trainable ones; `effective` is the rank of the Jacobian of the trained network's logits, missing where
`sqnn.metrics.effective_parameters` counts none, or gives a lower bound alone. `accumulates`, `multiply_accumulates` and
`energy` (pJ) are per image, without the circuit. `seconds` are those of the training and its evaluation, without tries.
`failure` tells of a training that did not stay finite, whose accuracies are missing, or that collapsed. `settings` are
all those of network and training before the tries, defaults included; `epochs`, `batch_size`, `learning_rate` and
`weight_decay` are those that were used.
"""


class CompareCell(NamedTuple):
    """One training; `settings` are all of its network's, and the digest of its images."""

    model: str
    data: str
    train_images: int
    seed: int
    settings: str


class Subject(NamedTuple):
    """One image set, the networks sized for it by their labels, and the folder of the runs."""

    data: ImageData
    entries: Mapping[str, Entry]
    folder: Path = Path()


@dataclasses.dataclass(frozen=True, kw_only=True)
class CompareStudy(Study[Mapping[str, Subject], CompareCell]):
    """Train networks on the same images from the same seeds, and tell what each parameter buys.

    Networks are those of the package, recipes, and your own. `name:field=value:field=value` sets options of a network
    or of its training, `file.py:function:width=8` names a function that makes a network of yours, and `label=` before
    either says what it is called.

    --budget scales the widths of each network of the package to the largest size with no more trainable parameters;
    widths that are given say in which proportions. --tuning gives each network the same number of tries of learning
    rate and weight decay: the first with its own settings, the others by Optuna, chosen on validation images alone; the
    seeds are trained with the best. Without it each network trains with its own settings, which the table shows.

    --train-images trains on parts of the training images, with each class in its proportion: the same ones for all
    networks of a seed. --noise measures on noisy test images as well. --against tests one network against each other
    one, instead of all pairs, which are more to correct for.

    Trainings run side by side, one per core. Every finished one is on the disk: the same command goes on where it was
    stopped, within a training too, and with more networks, data sets, seeds or parts it trains only what is new.

    Examples:

    sqnn compare --models sqdr-cnn,snn-mlp:encoding=direct,my.py:make --budget 803 --seeds 5

    sqnn compare --models sqdr-cnn,resnet20 --data mnist,kmnist --data-dir DIR --tuning 8 --tuning-epochs 3 --epochs 12

    sqnn compare --train-images 100,300,1258 --least-steps 500 --noise 0.1,0.3
    """

    name = "compare"
    title = "networks compared"
    columns = COLUMNS
    figure = "sqnn.studies.compare.figure:plot_compare"
    rows_class = "sqnn.studies.compare.frame:CompareFrame"
    key = (*CompareCell._fields, "noise")
    axes = ("models", "seeds", "train_images", "against")
    takes = "sets"
    again = "the runs beside it fill it again"
    noun = "comparison"
    needs_folder = True
    processes = None
    alone = True
    even = False
    texts = MappingProxyType({"models": list[str], "seeds": tuple[str, ...]})

    models: Any = option(
        MODELS,
        "networks with commas or the option repeated: name, name:field=value, recipe, file.py:function, label=...",
    )
    budget: int | None = option(
        None, "most trainable parameters, to which widths are scaled", least=1, most=MOST_PARAMETERS
    )
    seeds: tuple[int, ...] = option(
        (0, 1, 2, 3, 4), "seeds: how many (5), from:to (0:10 is 0 to 9), or a list", least=0, most=SEED_LIMIT - 1
    )
    tuning: int = option(0, "tries of learning rate and weight decay for each network", least=0)
    tuning_epochs: int | None = option(None, "epochs of a try (default: those of the training)", least=1)
    epochs: int | None = option(None, "epochs of every training (default: each network's own)", least=1)
    batch_size: int | None = option(None, "images per step (default: each network's own)", least=2)
    train_images: tuple[int, ...] = option((), "training images, several with commas (default: all)", least=2)
    least_steps: int = option(0, "least steps: few images that make fewer are shown several times per epoch", least=0)
    noise: tuple[float, ...] = option(
        (), "standard deviations of noise on test images, beside none, white being 1", above=0, most=10
    )
    against: str | None = option(None, "label of the network that the others are tested against (default: all pairs)")
    threads: int = option(1, "threads that a training computes in", least=1, most=1024)

    def __post_init__(self) -> None:
        object.__setattr__(self, "models", parse_models(self.models))
        object.__setattr__(self, "seeds", parse_seeds(self.seeds))
        super().__post_init__()

    def validate(self) -> None:
        super().validate()
        for name in ("train_images", "noise"):
            object.__setattr__(self, name, tuple(dict.fromkeys(vars(self)[name])))
        fits = self.tuning_epochs is None or self.tuning > 0
        require(fits, "tuning_epochs", self.tuning_epochs, "none, or one beside --tuning")
        check_network(self.against, [rival.label for rival in self.models])

    def to_dict(self) -> dict[str, Any]:
        return {**super().to_dict(), "models": [rival.spelling for rival in self.models]}

    def prepare(self, *sets: ImageData) -> dict[str, Subject]:
        names = [data.name for data in sets]
        for data in sets:
            require(names.count(data.name) == 1, "data", data.name, "image sets with names of their own")
            fits = all(images <= len(data.train) for images in self.train_images)
            expected = f"at most the {len(data.train):,} training images of {data.name}"
            require(fits, "train_images", max(self.train_images, default=0), expected)
        check_tuning(self.tuning)
        asked = {"epochs": self.epochs, "batch_size": self.batch_size}
        training = {name: value for name, value in asked.items() if value is not None}
        return {
            data.name: Subject(data, {each.label: each.entry(data, self.budget, training) for each in self.models})
            for data in sets
        }

    def cells(self, subject: Mapping[str, Subject]) -> list[CompareCell]:
        """List the trainings: all networks of one seed before those of the next, so that few wait for a tuning."""
        return [
            CompareCell(label, name, images, seed, entry.text)
            for name, each in subject.items()
            for images in self.train_images or (len(each.data.train),)
            for seed in self.seeds
            for label, entry in each.entries.items()
        ]

    def threads_of(self, cell: CompareCell) -> int:
        return self.threads

    def share(
        self, subject: Mapping[str, Subject], cells: Sequence[CompareCell], folder: Path | None
    ) -> list[tuple[Subject, CompareCell]]:
        place = Path("" if folder is None else folder).resolve() / "runs"
        placed = {name: each._replace(folder=place) for name, each in subject.items()}
        return [(placed[cell.data], cell) for cell in cells]

    def measure(self, cell: CompareCell, subject: Subject) -> list[Row]:
        entry, images = subject.entries[cell.model], cell.train_images
        epochs = entry.config.epochs
        passes = entry.passes(images, self.least_steps, epochs)
        data = fewer(subject.data, images, cell.seed, passes)
        place = subject.folder / folder_of(cell)
        name_folder(place, cell.model)
        model = entry.build(data, cell.seed)
        counts = count(model)
        own = Choice(entry.config.learning_rate, entry.config.weight_decay)
        chosen = tune(place / "tuning.csv", self.tuning, own, self._attempt(cell, subject)) if self.tuning else own
        row: Row = {
            "budget": self.budget,
            "noise": 0.0,
            "parameters": counts.total,
            **{part: vars(counts)[part] for part in PARTS},
            "epochs": epochs * passes,
            "batch_size": entry.config.batch_size,
            **(chosen or own)._asdict(),
            "tries": self.tuning,
            "commit": commit(),
            "machine": machine(),
        }
        if chosen is None:
            return self._failed(row, f"none of the {self.tuning} tries stayed finite")
        varied = {**chosen._asdict(), "epochs": epochs, "seed": cell.seed, "threads": self.threads}
        settings = {**entry.training, **entry.named, **varied}
        try:
            with warnings.catch_warnings(action="ignore", category=CollapseWarning):  # `failure` tells of it
                run = finished_run(place / str(cell.seed), model, data, settings, entry.rival.make)
        except NotFiniteError as error:
            return self._failed(row, _one_line(error))
        return self._measured(run, subject.data, cell.seed, row)

    def _failed(self, row: Row, failure: str) -> list[Row]:
        """Return the rows of a training without an accuracy, which each noise has as well: networks pair by seeds."""
        return [{**row, "noise": deviation, "failure": failure} for deviation in (0.0, *self.noise)]

    def _measured(self, run: Run, data: ImageData, seed: int, row: Row) -> list[Row]:
        """Return the row of a run, and one under each noise."""
        network, spent = run.model, operations(run.model, data)
        row = {
            **row,
            "effective": _rank(network, data.train),
            **{name: spent.total(name) for name in ("accumulates", "multiply_accumulates")},
            "energy": spent.energy(),
            "validation_accuracy": run.validation_accuracy,
            "test_accuracy": run.test_accuracy,
            "seconds": run.result["seconds"],
            "machine": run.result["machine"],
            "failure": "; ".join(map(_one_line, run.warnings)),
        }
        rows = [row]
        for deviation in self.noise:
            images = noisy(data.test, deviation, seed)
            logits = predict_logits(network, images, threads=self.threads)
            accuracy = float((logits.argmax(-1) == images.labels).double().mean())
            rows.append({**row, "noise": deviation, "test_accuracy": accuracy})
        return rows

    def _attempt(self, cell: CompareCell, subject: Subject) -> Any:
        """Return what trains with a choice on the images of the cell, and never reads the test images."""
        entry, images = subject.entries[cell.model], cell.train_images
        epochs = self.tuning_epochs or entry.config.epochs
        data = fewer(subject.data, images, SEED, entry.passes(images, self.least_steps, epochs))
        unseen = dataclasses.replace(data, test=data.validation)
        place = subject.folder / folder_of(cell) / "try"

        def attempt(choice: Choice) -> Row:
            from sqnn.training import fit

            shutil.rmtree(place, ignore_errors=True)  # what a killed process left
            varied = {**choice._asdict(), "epochs": epochs, "seed": SEED, "threads": self.threads}
            settings = {**entry.training, **entry.named, **varied}
            try:
                with warnings.catch_warnings(action="ignore", category=CollapseWarning):  # its accuracy says so
                    run = fit(entry.build(data, SEED), unseen, out=place, progress=False, **settings)
            except NotFiniteError as error:
                return {"failure": _one_line(error)}
            finally:
                shutil.rmtree(place, ignore_errors=True)
            return {"validation_accuracy": run.validation_accuracy, "seconds": run.result["seconds"], "failure": ""}

        return attempt

    def tell(self, cell: CompareCell, rows: Sequence[Row]) -> str:
        name = f"{cell.model} on {cell.data}, {cell.train_images:,} images, seed {cell.seed}"
        accuracies = [row.get("test_accuracy") for row in rows]
        return ": ".join([name, *("failed" if each is None else f"{each:.2%}" for each in accuracies)])

    @classmethod
    def flaw(cls, row: Row) -> str:
        return "" if row["failure"] and row["test_accuracy"] is None else super().flaw(row)

    @classmethod
    def summary(cls, rows: pd.DataFrame) -> pd.DataFrame:
        return summarise(rows)

    @classmethod
    def report(cls, rows: pd.DataFrame) -> Iterator[Panel | str]:
        return report(rows)

    @classmethod
    def papers(cls, rows: pd.DataFrame) -> dict[str, str]:
        return papers(rows)


def folder_of(cell: CompareCell) -> str:
    """Return the folder of a network's runs, within that of all runs."""
    digest = hashlib.sha256(f"{cell.data} {cell.settings}".encode()).hexdigest()[:8]
    return f"{re.sub(r'[^a-z0-9]+', '-', cell.model.lower()).strip('-')}-{cell.train_images}-{digest}"


def _rank(network: nn.Module, images: Split) -> int | None:
    """Return the effective parameters of a network, None where they cannot be counted or a lower bound alone is."""
    try:
        measured = effective_parameters(network, images)
    except ConfigError:  # too many parameters for these images, or none that a gradient trains
        return None
    return measured.rank if measured.settled else None


def _one_line(text: object) -> str:
    return " ".join(str(text).split())
