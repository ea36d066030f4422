"""Variance of gradients against the number of qubits and of blocks: barren plateaus."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from circuits.diagnostics.draws import or_fresh
from circuits.diagnostics.subject import Diagnosed, LayerSubject, Subject, subject_of
from circuits.engines.lightcone import z_signs
from circuits.reupload import DataReupload
from noise_models import Choices, whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

GLOBAL_LIMIT = 12
"""Qubits up to which the global cost is evaluated by default: it needs all 2^n amplitudes of each sample."""
AMPLITUDES = 2**21
"""Amplitudes held at once (32 MiB in complex128)."""


@dataclass(frozen=True, eq=False)
class GradientVariance:
    """Variances of one gradient component; `variance[cost]` and `error[cost]` are [len(n_blocks), len(n_qubits)].

    `error` is the standard error of the estimated variance. Entries that were not computed are nan.
    """

    n_qubits: tuple[int, ...]
    n_blocks: tuple[int, ...]
    entangler: str
    initial: str
    samples: int
    weight: tuple[int, ...] | int
    variance: dict[str, Tensor]
    error: dict[str, Tensor]

    def decay(self, cost: str) -> Tensor:
        """Return for each depth the factor Var(n + 1) / Var(n), by least squares on ln Var against n, or nan."""
        n = torch.tensor(self.n_qubits, dtype=torch.float64)
        factors = []
        for row in self.variance[cost]:
            known = row > 0
            x, y = n[known], row[known].log()
            spread = (x - x.mean()).square().sum()
            slope = ((x - x.mean()) * y).sum() / spread if len(x) > 1 else torch.tensor(math.nan)
            factors.append(slope.exp())
        return torch.stack(factors)

    def plot(self, ax: Axes | Sequence[Axes] | None = None, title: str | None = None) -> Figure:
        """Draw the variances against the number of qubits, one panel per cost, with bars of one standard error.

        `ax` are axes to draw on, one per cost in the order of `variance`; ValueError on another number of them.
        """
        from circuits.plotting import Picture, panel

        if ax is None:
            figure: Figure = Picture(figsize=(5 * len(self.variance), 4), layout="constrained")
            panels = figure.subplots(1, len(self.variance), sharey=True, squeeze=False)[0]
        else:
            panels = np.atleast_1d(np.asarray(ax, dtype=object)).ravel()
            figure, _ = panel(panels[0], (5, 4))
        if len(panels) != len(self.variance):
            raise ValueError(f"ax: got {len(panels)} axes, expected one per cost: {', '.join(self.variance)}")
        for axes, (cost, variance) in zip(panels, self.variance.items(), strict=True):
            for depth, row, error in zip(self.n_blocks, variance, self.error[cost], strict=True):
                label = f"{depth} block{'s' if depth > 1 else ''}"
                axes.errorbar(self.n_qubits, row, error, marker="o", ms=4, capsize=2, label=label)
            axes.set_yscale("log")
            axes.set_xlabel("qubits")
            axes.xaxis.get_major_locator().set_params(integer=True)
            observable = "Z_0" if cost == "local" else "\\prod Z_i"
            axes.set_title(f"{cost} cost $\\langle {observable}\\rangle$", fontsize=10)
            axes.grid(alpha=0.25)
        panels[0].set_ylabel("Var $\\partial C/\\partial w$ (1/rad$^2$)")
        panels[0].legend(frameon=False)
        stated = f"{self.entangler} entangler, {self.initial} weights, {self.samples} samples per point"
        if ax is None:
            figure.suptitle(stated if title is None else title, fontsize=10)
        elif title is not None:
            panels[0].set_title(title)
        return figure

    def __repr__(self) -> str:
        factors = ", ".join(
            f"{cost} x{factor:.2f} per qubit at {depth} blocks"
            for cost in self.variance
            for depth, factor in zip(self.n_blocks, self.decay(cost), strict=True)
        )
        return f"GradientVariance({self.entangler}, {self.initial}, n={list(self.n_qubits)}: {factors})"


def gradient_variance(
    n_qubits: Sequence[int] = (2, 4, 6, 8, 10),
    n_blocks: Sequence[int] = (1, 2, 3, 4),
    entangler: str = "ring",
    initial: str = "uniform",
    samples: int = 200,
    generator: torch.Generator | None = None,
    *,
    costs: Sequence[str] = ("local", "global"),
    weight: tuple[int, ...] | int = (0, 0, 1),
    global_limit: int = GLOBAL_LIMIT,
    make: Callable[[int, int], Diagnosed] | None = None,
) -> GradientVariance:
    """Estimate Var[dC/dw] over random initialisations and random data, against qubits and blocks.

        local: C = <Z_0>        global: C = <Z_0 Z_1 ... Z_(n-1)>

    Each sample draws its own weights (by `initial`) and data (x ~ U[0, 2 pi), radians). w is the weight at `weight` =
    (block, wire, angle): by default the RY angle of block 0 on wire 0, which every depth has and which both costs
    depend on. The local gradient comes from the light cone, so n may be large; the global one is the exact two-term
    shift (C(w + pi/2) - C(w - pi/2)) / 2 on amplitudes and is left nan beyond `global_limit` qubits.

    `make` (n_qubits, n_blocks) returns other circuits, or layers, whose first output then is the local cost; `weight`
    is a place in their first weights, or a number.

    For one block and uniform weights the variances are 3/8 and (3/8)^n. Raises ValueError on an unknown cost or
    entangler, or where the weight is not in the smallest circuit.

    Source: McClean et al., Nat. Commun. 9, 4812 (2018); Cerezo et al., Nat. Commun. 12, 1791 (2021).
    """
    generator = or_fresh(generator)
    samples = whole("samples", samples, 2)
    for cost in costs:
        COSTS.pick(cost)
    if not n_qubits or not n_blocks or not costs:
        raise ValueError("n_qubits, n_blocks, costs: each needs at least one entry")
    made = partial(DataReupload, entangler=entangler) if make is None else make
    subject_of(made(min(n_qubits), min(n_blocks))).place(weight)
    size = (len(n_blocks), len(n_qubits))
    variance = {cost: torch.full(size, math.nan, dtype=torch.float64) for cost in costs}
    error = {cost: values.clone() for cost, values in variance.items()}
    for row, depth in enumerate(n_blocks):
        for column, width in enumerate(n_qubits):
            subject = subject_of(made(width, depth))
            place = subject.place(weight)
            inputs = subject.inputs(samples, generator)
            weights = subject.weights(samples, initial, generator)
            for cost in costs:
                if cost == "global" and width > global_limit:
                    continue
                gradient = COSTS[cost](subject, inputs, weights, place)
                centred = (gradient - gradient.mean()).square()
                variance[cost][row, column] = centred.sum() / (samples - 1)
                error[cost][row, column] = centred.std() / math.sqrt(samples)
    return GradientVariance(
        tuple(n_qubits), tuple(n_blocks), entangler, initial, samples, weight, variance=variance, error=error
    )


def local_gradients(circuit: Diagnosed | Subject, inputs: Tensor, weights: Tensor, weight: tuple[int, ...]) -> Tensor:
    """Return the gradient of the first output, <Z_0>, [samples], for inputs and weights of each sample's own."""
    subject = subject_of(circuit)
    gradients = []
    for x, w in zip(inputs, weights, strict=True):
        w = w.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(subject.outputs(x.unsqueeze(0), w)[0, 0], w)
        gradients.append(gradient[weight])
    return torch.stack(gradients)


def global_gradients(circuit: Diagnosed | Subject, inputs: Tensor, weights: Tensor, weight: tuple[int, ...]) -> Tensor:
    """Return d<Z...Z>/dw [samples] for inputs and weights of each sample's own."""
    subject = subject_of(circuit)
    n = subject.n_qubits
    signs = z_signs(n, range(n), dtype=inputs.dtype, device=inputs.device)
    chunk = max(1, AMPLITUDES >> n)
    if isinstance(subject, LayerSubject):
        # Factors of data and angles of CRZ gates have no rule of two shifts.
        tracked = weights.clone().requires_grad_()
        (gradient,) = torch.autograd.grad((subject.states(inputs, tracked).abs().square() @ signs).sum(), tracked)
        return gradient.flatten(1)[:, weight[0]]

    def cost(shift: float) -> Tensor:
        moved = weights.clone()
        moved[(slice(None), *weight)] += shift  # type: ignore[index]
        pieces = zip(inputs.split(chunk), moved.split(chunk), strict=True)
        return torch.cat([subject.states(x, w).abs().square() @ signs for x, w in pieces])

    return (cost(math.pi / 2) - cost(-math.pi / 2)) / 2


COSTS: Choices[Callable[[Diagnosed | Subject, Tensor, Tensor, tuple[int, ...]], Tensor]] = Choices(
    "costs", {"local": local_gradients, "global": global_gradients}
)
"""Gradients [samples] of each cost with respect to one weight."""
