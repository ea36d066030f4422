"""How the circuit trains: differentiation rules and initialisations on one teacher-student task."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable
from typing import NamedTuple

import pandas as pd
import torch
from torch import Tensor

from circuits import INITIALS, DataReupload, LightConeEngine, initial_weights
from circuits.diagnostics.gradient_rules import ALGORITHMS, differentiate, mean_squared_error
from sqnn.core import ConfigError

TWO_PI = 2 * math.pi


class Training(NamedTuple):
    """One run of the study."""

    algorithm: str
    initial: str
    seed: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class GradientStudy:
    """What to compare and for how long.

    A random teacher circuit maps `samples` random data points x ~ U[0, 2 pi) to its <Z>; a student of the same shape
    learns to give the same values, by full-batch Adam on the mean squared error. A seed fixes teacher, data, start and
    SPSA's directions, the same for every algorithm. Every algorithm trains from the first of `initials`; every
    initialisation is trained with the first of `algorithms`.

    Raises ConfigError on an unknown name or a count that is not positive.
    """

    n_qubits: int = 4
    n_blocks: int = 2
    entangler: str = "ring"
    steps: int = 40
    seeds: int = 2
    samples: int = 8
    learning_rate: float = 0.1
    algorithms: tuple[str, ...] = tuple(ALGORITHMS)
    initials: tuple[str, ...] = tuple(INITIALS)

    def __post_init__(self) -> None:
        try:
            DataReupload(self.n_qubits, self.n_blocks, self.entangler)
        except ValueError as error:
            raise ConfigError(str(error)) from error
        for name in ("steps", "seeds", "samples"):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise ConfigError(f"{name}: got {value!r}, expected a whole number of at least 1")
        if not 0 < self.learning_rate < math.inf:
            raise ConfigError(f"learning_rate: got {self.learning_rate!r}, expected a positive number")
        for field, known in (("algorithms", ALGORITHMS), ("initials", INITIALS)):
            names = tuple(dict.fromkeys(getattr(self, field)))
            unknown = [name for name in names if name not in known]
            if unknown or not names:
                came = repr(unknown[0]) if unknown else "no name"
                raise ConfigError(f"{field}: got {came}, expected some of {', '.join(known)}")
            object.__setattr__(self, field, names)

    @property
    def circuit(self) -> DataReupload:
        """The circuit of teacher and student."""
        return DataReupload(self.n_qubits, self.n_blocks, self.entangler)

    def trainings(self) -> list[Training]:
        """List the runs; the one that both comparisons share is done once."""
        pairs = [(name, self.initials[0]) for name in self.algorithms]
        pairs += [(self.algorithms[0], name) for name in self.initials[1:]]
        return [Training(*pair, seed) for pair in pairs for seed in range(self.seeds)]


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
    PennyLane's tracker counts them), seconds (so far, gradients and updates only, behind one untimed gradient), cosine
    (between this step's gradient and the exact one; nan at the start, and where either is zero). `tick` is called
    after each step.
    """
    task = make_task(study, training.initial, training.seed)
    exact = LightConeEngine(study.circuit)
    rule = ALGORITHMS[training.algorithm](study.circuit, training.seed)
    weights = task.start.clone()
    optimizer = torch.optim.Adam([weights], lr=study.learning_rate)
    rule(task.inputs, task.targets, weights)
    rows = []
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
        rows.append((*training, step, loss, executions, seconds, cosine))
    return pd.DataFrame(rows, columns=COLUMNS)


COLUMNS = [*Training._fields, "step", "loss", "executions", "seconds", "cosine"]


def gradient_study(study: GradientStudy | None = None, tick: Callable[[], None] = lambda: None) -> pd.DataFrame:
    """Run a whole study; one row an algorithm, initialisation, seed and step, columns as in `train_student`."""
    study = GradientStudy() if study is None else study
    return pd.concat([train_student(study, one, tick) for one in study.trainings()], ignore_index=True)


def summarise(frame: pd.DataFrame) -> pd.DataFrame:
    """Return one row an algorithm and initialisation: geometric means of first and last loss, and costs a step."""
    rows = []
    for (algorithm, initial), part in frame.groupby(["algorithm", "initial"], sort=False):
        first, last = part[part.step == 0], part[part.step == part.step.max()]
        rows.append(
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
    return pd.DataFrame(rows)


def geometric_mean(losses: pd.Series) -> float:
    """Return exp(mean(ln loss)): losses spread over orders of magnitude."""
    return math.exp(sum(math.log(max(loss, 1e-300)) for loss in losses) / len(losses))


def _cosine(one: Tensor, other: Tensor) -> float:
    lengths = float(one.norm() * other.norm())
    return float((one * other).sum()) / lengths if lengths > 0 else math.nan
