"""Study of the circuit's training: differentiation rules and initialisations on one teacher-student task."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Iterator
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from circuits import ENTANGLERS, INITIALS, DataReupload, LightConeEngine, initial_weights
from circuits.diagnostics import ALGORITHMS, differentiate, mean_squared_error
from sqnn.core import ConfigError, Row, option
from sqnn.studies.runner import Panel, Study, geometric_mean, kinds

if TYPE_CHECKING:
    import pandas as pd

TWO_PI = 2 * math.pi
COLUMNS = kinds("algorithm initial: str; seed step: int; loss: float; executions: int; seconds: float; cosine: float?")
"""Every column and the kind of its values; see `train_student`."""


class Training(NamedTuple):
    """One run of the study."""

    algorithm: str
    initial: str
    seed: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class GradientStudy(Study[None, Training]):
    """Train the circuit alone, by each way to differentiate it and from each initialisation.

    A random teacher circuit maps `samples` random data points x ~ U[0, 2 pi) to its <Z>; a student of the same shape
    learns to give the same values, by full-batch Adam on the mean squared error. A seed fixes teacher, data, start and
    SPSA's directions, the same for every algorithm. Every algorithm trains from the first of `initials`; every
    initialisation is trained with the first of `algorithms`.

    Examples:

    sqnn study gradients

    sqnn study gradients --qubits 6 --blocks 3 --algorithms backprop-lightcone,spsa --steps 200 --seeds 5
    """

    name = "gradients"
    title = "ways to differentiate the circuit, and its initialisations"
    columns = COLUMNS
    figure = "sqnn.studies.gradients.figure:plot_gradients"
    key = (*Training._fields, "step")
    axes = ("algorithms", "initials", "seeds")
    flags = MappingProxyType({"n_qubits": ("--qubits",), "n_blocks": ("--blocks",)})
    timed = True

    n_qubits: int = option(4, "qubits of the circuit", least=1)
    n_blocks: int = option(2, "re-upload blocks of the circuit", least=1)
    entangler: str = option("ring", "CZ layer between blocks", among=ENTANGLERS)
    steps: int = option(40, "updates per training", least=1)
    seeds: int = option(2, "how many tasks, seeds 0, 1, ...", least=1)
    samples: int = option(8, "data points per task", least=1)
    learning_rate: float = option(0.1, "learning rate of Adam", above=0)
    algorithms: tuple[str, ...] = option(tuple(ALGORITHMS), "ways to differentiate, with commas", among=ALGORITHMS)
    initials: tuple[str, ...] = option(tuple(INITIALS), "initialisations, with commas", among=INITIALS)

    def validate(self) -> None:
        super().validate()
        try:
            DataReupload(self.n_qubits, self.n_blocks, self.entangler)
        except ValueError as error:
            raise ConfigError(str(error)) from error

    @property
    def circuit(self) -> DataReupload:
        """The circuit of teacher and student."""
        return DataReupload(self.n_qubits, self.n_blocks, self.entangler)

    def cells(self, subject: None = None) -> list[Training]:
        """List the runs; the one that both comparisons share is done once."""
        pairs = [(name, self.initials[0]) for name in self.algorithms]
        pairs += [(self.algorithms[0], name) for name in self.initials[1:]]
        return [Training(*pair, seed) for pair in pairs for seed in range(self.seeds)]

    def measure(self, cell: Training, subject: None = None) -> list[Row]:
        return _train(self, cell)

    @classmethod
    def summary(cls, rows: pd.DataFrame) -> pd.DataFrame:
        """Return geometric means of first and last loss, and costs per step, by algorithm and initialisation."""
        import pandas as pd

        lines = []
        for (algorithm, initial), part in rows.groupby(["algorithm", "initial"], sort=False):
            first, last = part[part.step == 0], part[part.step == part.step.max()]
            lines.append(
                {
                    "algorithm": algorithm,
                    "initial": initial,
                    "seeds": len(last),
                    "first_loss": geometric_mean(first.loss),
                    "last_loss": geometric_mean(last.loss),
                    "cosine": float(part.cosine.mean()),
                    "executions_per_step": float((last.executions / last.step).mean()),
                    "seconds_per_step": float((last.seconds / last.step).mean()),
                }
            )
        return pd.DataFrame(lines)

    @classmethod
    def report(cls, rows: pd.DataFrame) -> Iterator[Panel | str]:
        algorithm, initial = rows.algorithm.iloc[0], rows.initial.iloc[0]
        yield (
            f"mean squared error at the start and after {rows.step.max()} steps, geometric mean of "
            f"{rows.seed.nunique()} seeds; circuits and milliseconds per step"
        )
        summary = cls.summary(rows)
        lines = [
            (
                row["algorithm"],
                f"{row['first_loss']:.2e}",
                f"{row['last_loss']:.2e}",
                f"{row['cosine']:.3f}",
                f"{row['executions_per_step']:,.0f}",
                f"{1000 * row['seconds_per_step']:.1f}",
            )
            for row in summary[summary.initial == initial].to_dict("records")
        ]
        yield Panel(f"by algorithm, {initial} start", ("algorithm", "start", "end", "cosine", "circuits", "ms"), lines)
        starts = summary[summary.algorithm == algorithm].to_dict("records")
        shown = [(row["initial"], f"{row['first_loss']:.2e}", f"{row['last_loss']:.2e}") for row in starts]
        yield Panel(f"by initialisation, {algorithm}", ("initial", "start", "end"), shown)


class Task(NamedTuple):
    """Data angles [samples, 3 n], the teacher's <Z> [samples, n] and the student's first weights [L, n, 3]."""

    inputs: Tensor
    targets: Tensor
    start: Tensor


def make_task(study: GradientStudy, initial: str, seed: int) -> Task:
    """Draw a task; teacher and data depend on the seed alone, the start on the initialisation too."""
    generator = torch.Generator().manual_seed(seed)
    circuit = study.circuit
    inputs = torch.rand(study.samples, circuit.n_inputs, generator=generator, dtype=torch.float64) * TWO_PI
    teacher = initial_weights("uniform", circuit.weight_shape, generator)
    start = initial_weights(initial, circuit.weight_shape, generator)
    return Task(inputs, LightConeEngine(circuit)(inputs, teacher), start)


def train_student(study: GradientStudy, training: Training, tick: Callable[[], None] = lambda: None) -> pd.DataFrame:
    """Train one student; return one row for the start and one after each step.

    Columns: algorithm, initial, seed, step, loss (exact, mean squared error), executions (circuits so far, as
    PennyLane's tracker counts them), seconds (so far, gradients and updates only, after one untimed gradient), cosine
    (between this step's gradient and the exact one; nan at the start, and where either is zero). `tick` is called
    after each step.
    """
    return study.schema().frame({**training._asdict(), **row} for row in _train(study, training, tick))


def _train(study: GradientStudy, training: Training, tick: Callable[[], None] = lambda: None) -> list[Row]:
    task = make_task(study, training.initial, training.seed)
    exact = LightConeEngine(study.circuit)
    rule = ALGORITHMS[training.algorithm](study.circuit, training.seed)
    weights = task.start.clone()
    optimizer = torch.optim.Adam([weights], lr=study.learning_rate)
    rule(task.inputs, task.targets, weights)
    rows: list[Row] = []
    executions, seconds, cosine = 0, 0.0, math.nan
    for step in range(study.steps + 1):
        if step:
            reference = differentiate(exact, task.inputs, task.targets, weights)
            began = time.perf_counter()
            weights.grad, used = rule(task.inputs, task.targets, weights)
            gradient = weights.grad.clone()
            optimizer.step()
            seconds += time.perf_counter() - began
            executions += used
            cosine = _cosine(gradient, reference)
            tick()
        loss = float(mean_squared_error(exact(task.inputs, weights), task.targets))
        rows.append({"step": step, "loss": loss, "executions": executions, "seconds": seconds, "cosine": cosine})
    return rows


summarise = GradientStudy.summary


def gradient_study(study: GradientStudy | None = None, tick: Callable[[], None] = lambda: None) -> pd.DataFrame:
    """Run a whole study; one row per algorithm, initialisation, seed and step, columns as in `train_student`."""
    import pandas as pd

    study = GradientStudy() if study is None else study
    return pd.concat([train_student(study, one, tick) for one in study.cells()], ignore_index=True)


def _cosine(one: Tensor, other: Tensor) -> float:
    lengths = float(one.norm() * other.norm())
    return float((one * other).sum()) / lengths if lengths > 0 else math.nan
