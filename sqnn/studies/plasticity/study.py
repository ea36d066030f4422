"""Study of learning rules on a spiking perceptron: accuracy at every step, firing, operations, noise."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from sqnn.core import ConfigError, Row, commit, machine, option
from sqnn.data import ImageData
from sqnn.metrics import Anytime, StoppingRule, anytime, count
from sqnn.models import SNNMLP, create_model
from sqnn.plasticity import RunawayError
from sqnn.studies.plasticity.noise import CONVENTIONS, noisy_accuracy
from sqnn.studies.plasticity.variants import VARIANTS
from sqnn.studies.runner import Panel, Study, finished_run, kinds
from sqnn.training import NotFiniteError, TrainingConfig

if TYPE_CHECKING:
    import pandas as pd

LAST = "last"
"""What is read after the last step."""
CLEAN = "none"
"""The noise of images as they are."""
REACHED = 0.95
"""Validation accuracy whose first epoch a row states (`epoch_of_95`)."""
COLUMNS = kinds(
    "variant: str; seed: int; read noise data: str; epochs parameters: int; test_accuracy: float?; steps: float?; "
    "accumulates: float?; hidden_spikes: float?; validation_accuracy: float?; best_epoch: int?; epoch_of_95: int?; "
    "train_rate: float?; seconds: float?; failure commit machine: str"
)
"""Every column and the kind of its values.

A training has one row per step at which its answer is `read` ("1", "2", ..., "last"), one for each confidence of the
stopping rule, and one per convention of noise on the test images, read last. `steps`, `accumulates` (a weight for a
spike) and `hidden_spikes` are means per image. `train_rate` are the spikes per hidden neuron and step of the last
epoch, where the rule measures them. `epoch_of_95` is the first epoch with 95 % of the validation images.
"""


class PlasticityCell(NamedTuple):
    """One training."""

    variant: str
    seed: int


Trained = tuple[ImageData, Path]
"""The images of a study and the folder of its runs."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class PlasticityStudy(Study[ImageData, PlasticityCell]):
    """Train a spiking perceptron by several learning rules from the same seeds, and compare accuracy, spikes and cost.

    Rules, all on the hidden layers: backprop, hybrid (STDP of depression alone beside the gradient), through (the same
    in one product with it), follow and protect (more or less where the gradient is large), hebbian, literal (as the
    A-STDP paper prints it); controls: heterosynaptic decay, and a penalty on the firing rate. Every training is read
    after each step, with a stopping rule whose margins are chosen on validation images, and under noise in three
    conventions. The epoch is chosen on validation images.

    Finished trainings are kept in the folder: the same command continues after a stop, and with more seeds or variants
    trains only what is new.

    Examples:

    sqnn study plasticity --data digits --epochs 20 --variants backprop,hybrid

    sqnn study plasticity --data mnist --data-dir DIR --epochs 5 --augmentation shift --shift 1 --pixel-noise 0.3

    sqnn study plasticity --data mnist --data-dir DIR --hidden 500 --timesteps 25 --seeds 3 --out runs/plasticity
    """

    name = "plasticity"
    title = "learning rules of a spiking perceptron"
    columns = COLUMNS
    figure = "sqnn.studies.plasticity.figure:plot_plasticity"
    key = ("variant", "seed", "read", "noise")
    axes = ("seeds", "variants")
    takes = "data"
    again = "the runs beside it fill it again"
    needs_folder = True
    processes = None

    variants: tuple[str, ...] = option(("backprop", "hybrid"), "learning rules, with commas", among=VARIANTS)
    seeds: int = option(3, "trainings of each, seeds 0, 1, ...", least=1)
    hidden: tuple[int, ...] = option((500,), "neurons of each hidden layer, with commas", least=1)
    timesteps: int = option(25, "time steps", least=1)
    epochs: int = option(5, "passes over the training images", least=1)
    batch_size: int = option(128, "images per step", least=2)
    learning_rate: float = option(0.002, "peak learning rate", above=0)
    augmentation: str = option("none", "random change of training images: none, shift, shift-flip")
    shift: int | None = option(None, "largest shift in pixels", least=1)
    pixel_noise: float = option(0.0, "largest standard deviation of noise on training images", least=0)
    sigma: float = option(0.3, "standard deviation of the noise on test images; 0 tests none", least=0)
    confidence: tuple[float, ...] = option((0.9, 0.95, 0.99), "confidences of the stopping rule", above=0, below=1)

    def validate(self) -> None:
        super().validate()
        self.training(0)

    def training(self, seed: int) -> TrainingConfig:
        """Return the settings of the training loop for one seed."""
        names = ("epochs", "batch_size", "learning_rate", "augmentation", "shift", "pixel_noise")
        settings = {name: getattr(self, name) for name in names}
        return TrainingConfig.from_dict({**settings, "schedule": "cosine", "seed": seed})

    def prepare(self, data: ImageData) -> ImageData:
        return data

    def cells(self, subject: ImageData) -> list[PlasticityCell]:
        """List the trainings, all those of one seed before those of the next."""
        return [PlasticityCell(variant, seed) for seed in range(self.seeds) for variant in self.variants]

    def share(
        self, subject: ImageData, cells: Sequence[PlasticityCell], folder: Path | None
    ) -> list[tuple[Trained, PlasticityCell]]:
        if folder is None:
            raise ConfigError("out: got None, expected a folder, which the runs of the trainings are kept in")
        trained = (subject, folder.resolve() / "runs")
        return [(trained, cell) for cell in cells]

    def measure(self, cell: PlasticityCell, subject: Trained) -> list[Row]:
        data, runs = subject
        variant = VARIANTS[cell.variant]
        model = create_model("snn-mlp", data, seed=cell.seed, hidden=self.hidden, timesteps=self.timesteps)
        shared: Row = {"parameters": count(model).total, "commit": commit(), "machine": machine(), "failure": ""}
        settings = {**self.training(cell.seed).to_dict(), **variant.training, "rule": variant.rule}
        try:
            run = finished_run(runs / f"{cell.variant}-{cell.seed}", model, data, settings)
        except (NotFiniteError, RunawayError) as error:
            return [{**shared, "read": LAST, "noise": CLEAN, "failure": " ".join(str(error).split())}]
        history = run.history
        reached = history.index[history.validation_accuracy >= REACHED]
        shared |= {
            "validation_accuracy": run.validation_accuracy,
            "best_epoch": run.result["best_epoch"],
            "epoch_of_95": int(reached[0]) if len(reached) else None,
            "train_rate": float(history.train_rate.iloc[-1]) if "train_rate" in history else None,
            "seconds": run.result["seconds"],
        }
        network = cast(SNNMLP, run.model)
        tested = anytime(network, data.test)
        rows = [{**shared, **row} for row in self._reads(tested, anytime(network, data.validation))]
        for convention in CONVENTIONS if self.sigma else ():
            accuracy = noisy_accuracy(network, data.test, self.sigma, convention)
            rows.append({**shared, "read": LAST, "noise": f"{convention}:{self.sigma:g}", "test_accuracy": accuracy})
        return rows

    def _reads(self, tested: Anytime, validation: Anytime) -> Iterator[Row]:
        for row in tested.frame.to_dict("records"):
            step = int(row["step"])
            yield {
                "read": LAST if step == tested.timesteps else str(step),
                "noise": CLEAN,
                "test_accuracy": row["accuracy"],
                "steps": float(step),
                "accumulates": row["accumulates"],
                "hidden_spikes": row["hidden_spikes"],
            }
        for confidence in self.confidence:
            stopped = tested.stopped(StoppingRule.of(validation, confidence))
            yield {
                "read": f"confidence {confidence:g}",
                "noise": CLEAN,
                "test_accuracy": stopped.accuracy,
                "steps": stopped.steps,
                "accumulates": stopped.accumulates,
                "hidden_spikes": stopped.hidden_spikes,
            }

    def shared_columns(self, subject: ImageData, cell: PlasticityCell) -> Row:
        return {"data": subject.name, "epochs": self.epochs}

    def tell(self, cell: PlasticityCell, rows: Sequence[Row]) -> str:
        last = next(row for row in rows if row["read"] == LAST and row["noise"] == CLEAN)
        if last["failure"]:
            return f"{cell.variant}, seed {cell.seed}: {last['failure']}"
        accuracy, spikes = last["test_accuracy"], last["hidden_spikes"]
        return f"{cell.variant}, seed {cell.seed}: {accuracy:.2%}, {spikes:,.0f} hidden spikes per image"

    def describe(self, subject: ImageData) -> dict[str, object]:
        own = {name: value for name, value in self.to_dict().items() if name not in self.axes}
        return {"study": self.name, **own, "data": {"name": subject.name, "sha256": subject.fingerprint}}

    @classmethod
    def flaw(cls, row: Row) -> str:
        return "" if row["failure"] else super().flaw(row)

    @classmethod
    def summary(cls, rows: pd.DataFrame) -> pd.DataFrame:
        """Return one line per variant, read and noise: means over the seeds and ranges, and spikes beside backprop's.

        Columns: variant, read, noise, n, mean, least, largest (accuracies, fractions), steps, accumulates,
        hidden_spikes (means per image), share_of_spikes (hidden spikes as a share of those of backprop with the same
        seeds, read alike), epoch_of_95 (latest of the seeds; nan where one never gets there), failures.
        """
        import pandas as pd

        twins = rows[rows.variant == "backprop"].set_index(["seed", "read", "noise"]).hidden_spikes
        lines = []
        for (variant, read, noise), part in rows.groupby(["variant", "read", "noise"], sort=False):
            good = part[part.failure == ""]
            twin = good.set_index(["seed", "read", "noise"]).hidden_spikes / twins
            lines.append(
                {
                    "variant": variant,
                    "read": read,
                    "noise": noise,
                    "n": len(good),
                    "mean": float(good.test_accuracy.mean()),
                    "least": float(good.test_accuracy.min()),
                    "largest": float(good.test_accuracy.max()),
                    **{name: float(good[name].mean()) for name in ("steps", "accumulates", "hidden_spikes")},
                    "share_of_spikes": float(twin.mean()),
                    "epoch_of_95": float(good.epoch_of_95.max()) if good.epoch_of_95.notna().all() else math.nan,
                    "failures": len(part) - len(good),
                }
            )
        return pd.DataFrame(lines)

    @classmethod
    def report(cls, rows: pd.DataFrame) -> Iterator[Panel | str]:
        """Yield the learning rules read last, early reading of each, and noise."""
        summary = cls.summary(rows)
        last = summary[(summary["read"] == LAST) & (summary["noise"] == CLEAN)]
        yield Panel(
            f"test accuracy on {rows.data.iloc[0]} (%), mean and range over the seeds",
            ("variant", "seeds", "mean", "range", "hidden spikes", "of backprop's", "95 % by epoch"),
            [
                (
                    row["variant"],
                    f"{row['n']} of {row['n'] + row['failures']}",
                    *_accuracy(row),
                    f"{row['hidden_spikes']:,.0f}",
                    _or_dash(f"{row['share_of_spikes']:.0%}"),
                    _or_dash(f"{row['epoch_of_95']:.0f}"),
                )
                for row in last.to_dict("records")
            ],
        )
        early = summary[(summary["noise"] == CLEAN) & (summary["read"] != LAST)]
        shown = early[early["read"].isin(["3", "5", "8", "15"]) | early["read"].str.startswith("confidence")]
        if len(shown):
            yield Panel(
                "read earlier",
                ("variant", "read after", "steps", "mean", "range", "thousand accumulates"),
                [
                    (
                        row["variant"],
                        row["read"],
                        f"{row['steps']:.1f}",
                        *_accuracy(row),
                        f"{row['accumulates'] / 1000:,.0f}",
                    )
                    for row in shown.to_dict("records")
                ],
            )
        noisy = summary[summary["noise"] != CLEAN]
        if len(noisy):
            yield Panel(
                "noise on the test images",
                ("variant", "noise", "mean", "range"),
                [(row["variant"], row["noise"], *_accuracy(row)) for row in noisy.to_dict("records")],
            )
        for row in rows[rows.failure != ""].to_dict("records"):
            yield f"{row['variant']}, seed {row['seed']}: {row['failure']}"


def _accuracy(row: Mapping[Any, Any]) -> tuple[str, str]:
    mean, least, largest = (100 * row[name] for name in ("mean", "least", "largest"))
    return f"{mean:.2f}", f"{least:.2f} to {largest:.2f}"


def _or_dash(text: str) -> str:
    return "-" if text.startswith("nan") else text
