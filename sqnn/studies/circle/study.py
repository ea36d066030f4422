"""Study of the circle problem: points in a square, classified by one or a few qubits."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Iterator
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from circuits import SCALINGS, ReuploadLayer
from sqnn.core import Choices, Row, commit, computing_in, machine, option
from sqnn.studies.runner import Panel, Study, kinds

if TYPE_CHECKING:
    import pandas as pd

RADIUS = math.sqrt(2 / math.pi)
"""Of a circle that covers half of the square [-1, 1]^2."""
SPREAD = 1.5
"""Standard deviation of the factors that a training starts from."""
COLUMNS = kinds(
    "data_scaling cost: str; n_qubits n_blocks seed: int; parameters starts evaluations: int; "
    "train_accuracy validation_accuracy test_accuracy loss seconds: float; commit machine: str; threads: int"
)
"""Every column and the kind of its values.

Accuracies are fractions, of the start that does best on the validation points; `loss` is its cost on the training
points. `parameters` counts what is trained: weights, factors of the two data, and the class weights of the cost.
`evaluations` of the cost, and `seconds`, are those of all starts together.
"""


def fidelity(fidelities: Tensor, classes: Tensor, weights: Tensor) -> Tensor:
    """Return the mean of 1 - F_y over the samples, F averaged over the wires."""
    return 1 - fidelities.mean(2)[torch.arange(len(classes)), classes].mean()


def weighted_fidelity(fidelities: Tensor, classes: Tensor, weights: Tensor) -> Tensor:
    """Return the mean over the samples of sum_c (sum_q a_cq F_cq - [c = y])^2 / 2, with trainable a."""
    scores = (weights * fidelities).sum(2)
    return (scores - F.one_hot(classes, 2)).square().sum(1).mean() / 2


Cost = Callable[[Tensor, Tensor, Tensor], Tensor]
COSTS: Choices[Cost] = Choices("cost", {"weighted-fidelity": weighted_fidelity, "fidelity": fidelity})
"""(fidelities [batch, 2 classes, n_qubits], classes [batch], class weights [2, n_qubits]) -> what is minimised."""


class Points(NamedTuple):
    """Points [n, 2] of the square, and whether each lies in the circle, 0 or 1 [n]."""

    places: Tensor
    inside: Tensor


class CircleCell(NamedTuple):
    """The trainings of one circuit on the points of one seed."""

    data_scaling: str
    cost: str
    n_qubits: int
    n_blocks: int
    seed: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class CircleStudy(Study[None, CircleCell]):
    """Classify points of the square [-1, 1]^2 inside and outside a circle of radius sqrt(2 / pi), half of its area.

    Every block turns every wire by Rot(0, x_1, x_2), with factors and weights as `data_scaling` says; `added` is the
    circuit of the paper, Rot(w + s x). Wires are joined by CZ between the blocks. L-BFGS minimises a cost of the
    fidelities F_0 = (1 + <Z>) / 2 and F_1 = (1 - <Z>) / 2 on `train` points, from `starts` random starts; the one that
    does best on `validation` further points is measured once on `test` points. A seed draws points and starts.

    Examples:

    sqnn study circle

    sqnn study circle --layers 1,2,4 --qubits 1,2 --scalings added --seeds 3

    Source: Perez-Salinas et al., Quantum 4, 226 (2020), arXiv 1907.02085: circuit, costs, problem and optimizer.
    """

    name = "circle"
    title = "circle problem of data re-uploading"
    columns = COLUMNS
    figure = "sqnn.studies.circle.figure:plot_circle"
    key = CircleCell._fields
    axes = ("n_blocks", "n_qubits", "data_scaling", "cost", "seeds")
    flags = MappingProxyType(
        {"n_blocks": ("--layers",), "n_qubits": ("--qubits",), "data_scaling": ("--scalings",), "cost": ("--costs",)}
    )

    n_blocks: tuple[int, ...] = option((1, 2, 3, 4, 5, 6, 7, 8), "blocks of the circuits, with commas", least=1)
    n_qubits: tuple[int, ...] = option((1,), "qubits of the circuits, with commas", least=1)
    data_scaling: tuple[str, ...] = option(("added", "none"), "factors of the data, with commas", among=SCALINGS)
    cost: tuple[str, ...] = option(("weighted-fidelity",), "costs, with commas", among=COSTS)
    seeds: int = option(5, "how many sets of points, seeds 0, 1, ...", least=1)
    starts: int = option(8, "random starts, of which the best on validation counts", least=1)
    steps: int = option(60, "most updates of L-BFGS from a start", least=1)
    train: int = option(200, "training points", least=1)
    validation: int = option(200, "further points on which the start is chosen", least=1)
    test: int = option(4000, "further points that are read once", least=1)

    def cells(self, subject: None = None) -> list[CircleCell]:
        return [
            CircleCell(scaling, cost, qubits, blocks, seed)
            for scaling in self.data_scaling
            for cost in self.cost
            for qubits in self.n_qubits
            for blocks in self.n_blocks
            for seed in range(self.seeds)
        ]

    def measure(self, cell: CircleCell, subject: None = None) -> Row:
        with computing_in(1):
            return _measure(self, cell)

    def tell(self, cell: CircleCell, rows: object) -> str:
        return f"{cell.data_scaling}, {cell.n_qubits} qubits, {cell.n_blocks} layers, seed {cell.seed}"

    @classmethod
    def summary(cls, rows: pd.DataFrame) -> pd.DataFrame:
        """Return mean, standard deviation, least and largest test accuracy over the seeds, by circuit and cost."""
        import pandas as pd

        lines = []
        for names, part in rows.groupby(list(CircleCell._fields[:-1]), sort=False):
            accuracy = part.test_accuracy
            lines.append(
                {
                    **dict(zip(CircleCell._fields, names, strict=False)),
                    "parameters": int(part.parameters.iloc[0]),
                    "seeds": len(part),
                    "mean": float(accuracy.mean()),
                    "std": float(accuracy.std(ddof=1)),
                    "least": float(accuracy.min()),
                    "largest": float(accuracy.max()),
                    "validation": float(part.validation_accuracy.mean()),
                    "train": float(part.train_accuracy.mean()),
                }
            )
        return pd.DataFrame(lines)

    @classmethod
    def report(cls, rows: pd.DataFrame) -> Iterator[Panel | str]:
        header = ("data scaling", "cost", "qubits", "layers", "parameters", "seeds", "test", "range", "train")
        body = [
            (
                *(line[name] for name in (*CircleCell._fields[:-1], "parameters", "seeds")),
                f"{line['mean']:.1%}",
                f"{line['least']:.1%} to {line['largest']:.1%}",
                f"{line['train']:.1%}",
            )
            for line in cls.summary(rows).to_dict("records")
        ]
        yield Panel("accuracy on the test points", header, body)


def circle_points(count: int, generator: torch.Generator) -> Points:
    """Draw points uniformly from the square, float64."""
    places = 2 * torch.rand(count, 2, generator=generator, dtype=torch.float64) - 1
    return Points(places, (places.norm(dim=1) < RADIUS).long())


class CircleClassifier(torch.nn.Module):
    """Points [batch, 2] -> the fidelities [batch, 2 classes, n_qubits] of each wire with |0> and |1>, in float64."""

    def __init__(self, cell: CircleCell, generator: torch.Generator) -> None:
        super().__init__()
        self.layer = ReuploadLayer(
            cell.n_qubits, cell.n_blocks, "line", data_scaling=cell.data_scaling, generator=generator
        ).double()
        self.class_weights = torch.nn.Parameter(
            torch.ones(2, cell.n_qubits, dtype=torch.float64), requires_grad=cell.cost == "weighted-fidelity"
        )
        if self.layer.circuit.scales_data:
            drawn = torch.randn(self.layer.scales.shape, generator=generator, dtype=torch.float64)
            self.layer.scales.data.copy_(SPREAD * drawn)

    @property
    def n_parameters(self) -> int:
        """Trained numbers, without the factors of the first RZ of every block, which has no data."""
        numbers = sum(weight.numel() for weight in self.parameters() if weight.requires_grad)
        circuit = self.layer.circuit
        return numbers - (circuit.n_weights // 3 if circuit.scales_data else 0)

    def forward(self, places: Tensor) -> Tensor:
        """Return the fidelities."""
        angles = F.pad(places, (1, 0)).repeat(1, self.layer.circuit.n_qubits)
        z = self.layer(angles)
        return torch.stack([1 + z, 1 - z], dim=1) / 2

    def predict(self, places: Tensor) -> Tensor:
        """Return the class of each point: the one of the larger fidelity, weighted and summed over the wires."""
        with torch.no_grad():
            return (self.class_weights * self(places)).sum(2).argmax(1)

    def accuracy(self, points: Points) -> float:
        """Return the fraction of points that are classified rightly."""
        return float((self.predict(points.places) == points.inside).double().mean())


def train_circle(
    cell: CircleCell, points: Points, steps: int, generator: torch.Generator
) -> tuple[CircleClassifier, float, int]:
    """Return a classifier trained from one random start, its cost on the points, and the evaluations of that."""
    model, cost = CircleClassifier(cell, generator), COSTS[cell.cost]
    trained = [weight for weight in model.parameters() if weight.requires_grad]
    optimizer = torch.optim.LBFGS(trained, max_iter=steps, history_size=20, line_search_fn="strong_wolfe")
    evaluations = 0

    def closure() -> Tensor:
        nonlocal evaluations
        evaluations += 1
        optimizer.zero_grad()
        loss = cost(model(points.places), points.inside, model.class_weights)
        loss.backward()
        return loss

    optimizer.step(closure)  # type: ignore[arg-type]
    return model, float(closure().detach()), evaluations


def _measure(study: CircleStudy, cell: CircleCell) -> Row:
    began = time.perf_counter()
    generator = torch.Generator().manual_seed(cell.seed)
    train, validation, test = (circle_points(n, generator) for n in (study.train, study.validation, study.test))
    trainings = [train_circle(cell, train, study.steps, generator) for _ in range(study.starts)]
    model, loss, _ = max(trainings, key=lambda training: training[0].accuracy(validation))
    return {
        "parameters": model.n_parameters,
        "starts": study.starts,
        "evaluations": sum(evaluations for _, _, evaluations in trainings),
        "train_accuracy": model.accuracy(train),
        "validation_accuracy": model.accuracy(validation),
        "test_accuracy": model.accuracy(test),
        "loss": loss,
        "seconds": time.perf_counter() - began,
        "commit": commit(),
        "machine": machine(),
        "threads": 1,
    }
