"""Expressibility: the divergence of a circuit's states from Haar-random ones."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from circuits.diagnostics.draws import or_fresh
from circuits.diagnostics.subject import Diagnosed, subject_of
from noise_models import whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False)
class Expressibility:
    """Divergence in nats from Haar-random states; 0 is the most expressible, `maximum` a single state.

    `floor` is what Haar-random states themselves would show on average with as many samples: a divergence near it
    means that this many samples cannot tell the circuit from Haar. `histogram` and `haar` are masses [bins].
    """

    divergence: float
    floor: float
    maximum: float
    samples: int
    histogram: Tensor
    haar: Tensor

    def plot(self, ax: Axes | None = None, title: str | None = None) -> Figure:
        """Draw the histogram of fidelities beside the Haar distribution, on `ax` or a new picture."""
        from circuits.plotting import panel

        stated = f"KL divergence {self.divergence:.4f} nats ({self.samples:,} pairs)"
        figure, axes = panel(ax, (6, 4), stated if title is None else title)
        edges = torch.linspace(0, 1, len(self.haar) + 1)
        axes.stairs(self.histogram, edges, fill=True, alpha=0.45, label="circuit")
        axes.stairs(self.haar, edges, color="black", lw=1.2, label="Haar-random states")
        axes.set_yscale("log")
        axes.set_ylim(0.3 / self.samples, 1.5)
        axes.set_xlabel("fidelity of a pair of states")
        axes.set_ylabel("probability of the bin")
        axes.legend(frameon=False)
        return figure

    def __repr__(self) -> str:
        return (
            f"Expressibility({self.divergence:.4f} nats; Haar-random states would show {self.floor:.4f}, "
            f"one fixed state {self.maximum:.4g}; {self.samples:,} pairs)"
        )


def expressibility(
    circuit: Diagnosed,
    samples: int = 2000,
    bins: int = 75,
    generator: torch.Generator | None = None,
    *,
    initial: str = "uniform",
) -> Expressibility:
    """Compare the fidelities of random pairs of states of a circuit or a layer with those of Haar-random states.

        F = |<psi(x, w)|psi(x, w')>|^2,    KL = sum_k p_k ln(p_k / q_k),

    p the histogram of F over `bins` equal bins of [0, 1] and q the exact Haar masses of the same bins. Each of the
    `samples` pairs draws its data x ~ U[0, 2 pi), shared by both states, and two sets of weights by `initial`: what is
    measured is what the weights can do at fixed data. Memory 16 bytes times samples times 2^n.

    Source: Sim, Johnson, Aspuru-Guzik, Adv. Quantum Technol. 2, 1900070 (2019), equations (8) to (10).
    """
    samples = whole("samples", samples)
    generator, subject = or_fresh(generator), subject_of(circuit)
    inputs = subject.inputs(samples, generator)
    one, other = (subject.states(inputs, subject.weights(samples, initial, generator)).detach() for _ in range(2))
    return haar_divergence((one.conj() * other).sum(1).abs().square(), 2**subject.n_qubits, bins)


def haar_divergence(fidelities: Tensor, dimension: int, bins: int) -> Expressibility:
    """Return the divergence of fidelities [samples] in [0, 1] from those of Haar-random states of a dimension.

    With N the dimension, P(F) = (N - 1)(1 - F)^(N - 2), so the bin [u, v] has the mass (1 - u)^(N-1) - (1 - v)^(N-1).
    """
    dimension, bins = whole("dimension", dimension, 2), whole("bins", bins, 2)
    # Logarithms, because the masses of the last bins are far below the smallest float at twelve qubits already.
    left = (1 - torch.arange(bins, dtype=torch.float64) / bins).log() * (dimension - 1)
    right = torch.cat([left[1:], left.new_tensor([-math.inf])])
    log_haar = left + torch.log1p(-torch.exp(right - left))
    place = (fidelities.double() * bins).long().clamp(0, bins - 1)
    histogram = torch.bincount(place, minlength=bins).double() / len(fidelities)
    return Expressibility(
        divergence=float((torch.xlogy(histogram, histogram) - histogram * log_haar).sum()),
        floor=_expected_divergence(log_haar, len(fidelities)),
        maximum=float(-log_haar.min()),
        samples=len(fidelities),
        histogram=histogram,
        haar=log_haar.exp(),
    )


def _expected_divergence(log_haar: Tensor, samples: int) -> float:
    """Return the mean of KL for `samples` draws from the Haar masses: a sum over each bin's binomial counts."""
    total = 0.0
    count = torch.arange(1, samples + 1, dtype=torch.float64)
    drawn = torch.tensor(float(samples), dtype=torch.float64)
    choose = torch.lgamma(drawn + 1) - torch.lgamma(count + 1) - torch.lgamma(drawn - count + 1)
    for log_mass in log_haar:
        rest = torch.log(-torch.expm1(log_mass))
        # xlogy's convention, 0 times minus infinity is 0, for a bin that holds all the mass.
        misses = torch.where(count < samples, (samples - count) * rest, 0.0)
        chance = torch.exp(choose + count * log_mass + misses)
        total += float((chance * (count / samples) * ((count / samples).log() - log_mass)).sum())
    return total
