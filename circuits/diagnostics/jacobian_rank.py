"""Effective parameters: the independent directions of a circuit's weights."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from circuits.diagnostics.draws import or_fresh
from circuits.diagnostics.subject import CircuitSubject, Diagnosed, jacobian, least_inputs, subject_of
from circuits.engines.lightcone import LightConeEngine
from circuits.reupload import DataReupload

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False)
class EffectiveParameters:
    """Weights three ways: `raw` as allocated, `counted` by which gates can reach a <Z>, `rank` as measured.

    `singular_values` [raw], descending, are those of the Jacobian divided by the root of its number of rows.
    """

    raw: int
    counted: int
    rank: int
    tolerance: float
    singular_values: Tensor

    def plot(self, ax: Axes | None = None, title: str | None = None) -> Figure:
        """Draw the singular values with the tolerance, on `ax` or a new picture."""
        from circuits.plotting import panel

        figure, axes = panel(ax, (6, 4), title)
        values = self.singular_values.clamp(min=1e-18)
        axes.semilogy(range(1, len(values) + 1), values, "o", ms=4, label="singular values")
        axes.axhline(float(values[0]) * self.tolerance, color="black", ls="--", lw=1, label="tolerance")
        axes.axvline(self.counted + 0.5, color="C1", ls=":", label=f"counted: {self.counted}")
        axes.axvline(self.rank + 0.5, color="C2", lw=1, label=f"rank: {self.rank}")
        axes.set_xlabel("index of the singular value")
        axes.set_ylabel("singular value (1/rad)")
        axes.legend(frameon=False)
        return figure

    def __repr__(self) -> str:
        return f"EffectiveParameters(raw={self.raw}, counted={self.counted}, rank={self.rank})"


def effective_parameters(
    circuit: Diagnosed,
    inputs_count: int = 64,
    generator: torch.Generator | None = None,
    tolerance: float = 1e-9,
    *,
    initial: str = "uniform",
) -> EffectiveParameters:
    """Measure the rank of d<Z_i>(x_s)/dw over all outputs i and random data x_s, at one random set of weights.

    `circuit` is a description or a layer, whose outputs and parameters these are: factors of data and angles of CRZ
    gates are among them. Angles that only their sum reaches, as those of RZ gates on both sides of a CZ, are one
    direction; of a `QuantumLayer` every weight is counted.

    The rank is the number of singular values above `tolerance` times the largest. At generic weights it equals
    `circuit.n_effective_weights`, 3 n L - n: the last RZ of each wire is dead and nothing else is. At special weights
    it is lower: where each RY is idle (`initial="identity-block"`), Rot(p, 0, o) = RZ(p + o) leaves two directions per
    rotation, and one in the last block, where RZ does not reach Z: n (2 L - 1) in all. Without an entangler such a wire
    repeats one data rotation, which reads the same in both directions: of its L - 1 angles between the repetitions
    those in mirrored places do the same, which leaves n (L + ceil((L - 1) / 2)).

    Raises ValueError where the data give fewer rows than counted weights, which would cap the rank.

    Source: Fisher information rank and dimension, Abbas et al., Nat. Comput. Sci. 1, 403 (2021); Haug, Bharti, Kim,
    PRX Quantum 2, 040309 (2021).
    """
    if not 0 < tolerance < 1:
        raise ValueError(f"tolerance: got {tolerance!r}, expected a number between 0 and 1")
    subject = subject_of(circuit)
    inputs_count = least_inputs(subject, inputs_count)
    generator = or_fresh(generator)
    weights = subject.weights(1, initial, generator)[0]
    inputs = subject.inputs(inputs_count, generator)
    # The shift rule and autograd differ by rounding alone, and descriptions keep their numbers.
    if isinstance(subject, CircuitSubject):
        derivatives = weight_jacobian(subject.circuit, inputs, weights)
    else:
        derivatives = jacobian(subject, inputs, weights)
    values = torch.linalg.svdvals(derivatives / math.sqrt(len(derivatives)))
    values = torch.cat([values, values.new_zeros(subject.n_weights - len(values))])
    rank = int((values > tolerance * values[0]).sum())
    return EffectiveParameters(subject.n_weights, subject.counted, rank, tolerance, values)


def weight_jacobian(circuit: DataReupload, inputs: Tensor, weights: Tensor) -> Tensor:
    """Return d<Z_i>(x_s)/dw_k, [batch n_qubits, n_weights], for inputs [batch, 3 n] and weights [n_blocks, n, 3].

    Column by column with the shift rule, exact for rotations: (f(w + pi/2 e_k) - f(w - pi/2 e_k)) / 2.

    Source: Schuld et al., Phys. Rev. A 99, 032331 (2019).
    """
    engine = LightConeEngine(circuit)
    columns = []
    for step in torch.eye(circuit.n_weights, dtype=weights.dtype).reshape(-1, *circuit.weight_shape) * (math.pi / 2):
        columns.append(((engine(inputs, weights + step) - engine(inputs, weights - step)) / 2).reshape(-1))
    return torch.stack(columns, dim=1)
