"""Entanglement of a circuit's states by the Meyer-Wallach measure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from circuits.diagnostics.draws import or_fresh
from circuits.diagnostics.subject import Diagnosed, subject_of
from circuits.engines.lightcone import bloch_vector
from noise_models import whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False)
class Entanglement:
    """Meyer-Wallach values [samples] in [0, 1], their mean, and the mean of Haar-random states, (N - 2) / (N + 1)."""

    values: Tensor
    haar_mean: float

    @property
    def mean(self) -> float:
        """Mean over the random states."""
        return float(self.values.mean())

    @property
    def std(self) -> float:
        """Standard deviation over the random states."""
        return float(self.values.std())

    def plot(self, ax: Axes | None = None, title: str | None = None) -> Figure:
        """Draw the histogram of the values, on `ax` or a new picture."""
        from circuits.plotting import panel

        figure, axes = panel(ax, (6, 4), title)
        axes.hist(self.values.numpy(), bins=40, range=(0, 1), alpha=0.6)
        axes.axvline(self.mean, color="C1", lw=2, label=f"mean {self.mean:.3f}")
        axes.axvline(self.haar_mean, color="black", ls="--", label=f"Haar-random states {self.haar_mean:.3f}")
        axes.set_xlabel("Meyer-Wallach Q (0 product state, 1 every wire maximally mixed)")
        axes.set_ylabel("states")
        axes.legend(frameon=False)
        return figure

    def __repr__(self) -> str:
        return (
            f"Entanglement(mean {self.mean:.4f}, std {self.std:.4f} over {len(self.values):,} states; "
            f"Haar {self.haar_mean:.4f})"
        )


def meyer_wallach(amplitudes: Tensor) -> Tensor:
    """Return Q [batch] of states [batch, 2^n], wire 0 the most significant bit.

        Q = 2 (1 - mean_k tr rho_k^2) = 1 - mean_k |r_k|^2,

    rho_k the reduced state of wire k and r_k its Bloch vector. Raises ValueError where 2^n is no power of two.

    Source: Meyer and Wallach, J. Math. Phys. 43, 4273 (2002); Brennen, Quantum Inf. Comput. 3, 619 (2003), eq. (4).
    """
    dimension = amplitudes.shape[-1]
    n = dimension.bit_length() - 1
    if amplitudes.ndim != 2 or n < 1 or dimension != 1 << n:
        raise ValueError(f"amplitudes: got shape {tuple(amplitudes.shape)}, expected [batch, 2^n] with n at least 1")
    columns = amplitudes.t().contiguous()
    lengths = [torch.stack(bloch_vector(columns, wire)).square().sum(0) for wire in range(n)]
    # Rounding can leave a product state slightly below zero.
    return (1 - torch.stack(lengths).mean(0)).clamp(min=0)


def entanglement(
    circuit: Diagnosed,
    samples: int = 1000,
    generator: torch.Generator | None = None,
    *,
    initial: str = "uniform",
) -> Entanglement:
    """Measure Q of the states of a circuit or a layer over random data x ~ U[0, 2 pi) and weights drawn by `initial`.

    The last block turns each wire alone and changes no Q, so one block gives 0. With uniform weights and a ring of at
    least three wires, two blocks give 1 - (3/8 + 5/8 (3/8)^2) = 0.537 on average.
    """
    samples = whole("samples", samples, 2)
    generator, subject = or_fresh(generator), subject_of(circuit)
    inputs = subject.inputs(samples, generator)
    weights = subject.weights(samples, initial, generator)
    dimension = 2**subject.n_qubits
    values = meyer_wallach(subject.states(inputs, weights).detach())
    return Entanglement(values, (dimension - 2) / (dimension + 1))
