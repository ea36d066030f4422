"""Fourier spectrum of a circuit in one data angle."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from circuits.diagnostics.draws import or_fresh
from circuits.diagnostics.subject import Diagnosed, subject_of
from circuits.initial import TWO_PI
from circuits.layer import ReuploadLayer
from circuits.quantum_layer import QuantumLayer
from circuits.reupload import DataReupload
from noise_models import whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FLOOR = 1e-12
"""Smallest magnitude that counts as a frequency: a few hundred roundings of float64."""


@dataclass(frozen=True, eq=False)
class FourierSpectrum:
    """Complex coefficients c_k of <Z_i> in one data angle: [samples, frequencies, outputs], k = 0, 1, 2, ...

    <Z_i> is real, so c_(-k) is the conjugate of c_k and only k >= 0 is kept. `inputs` [samples, 3 n] and `weights`
    [samples, n_blocks, n, 3] are the draws, in radians.
    """

    circuit: Diagnosed
    input_index: int
    coefficients: Tensor
    inputs: Tensor
    weights: Tensor
    n_blocks: int

    @property
    def magnitudes(self) -> Tensor:
        """Root mean square of |c_k| over the samples: [frequencies, n_qubits]."""
        return self.coefficients.abs().square().mean(0).sqrt()

    @property
    def degree(self) -> Tensor:
        """Highest frequency that occurs on each wire, [n_qubits]."""
        present = self.magnitudes > FLOOR
        return (present * torch.arange(len(present)).unsqueeze(1)).amax(0)

    def evaluate(self, angles: Tensor) -> Tensor:
        """Return sum_k c_k e^(i k angle) at angles [points] in radians: [samples, points, n_qubits]."""
        frequency = torch.arange(self.coefficients.shape[1])
        waves = torch.exp(1j * angles.double().unsqueeze(1) * frequency)
        twice = torch.where(frequency > 0, 2.0, 1.0).double()
        return torch.einsum("pk,skn->spn", waves * twice, self.coefficients).real

    def plot(self, ax: Axes | None = None, title: str | None = None) -> Figure:
        """Draw the magnitudes, frequencies across and wires down, on `ax` or a new picture."""
        from matplotlib.colors import LogNorm

        from circuits.plotting import panel

        wire, angle = divmod(self.input_index, 3)
        own = isinstance(self.circuit, QuantumLayer)
        stated = f"input {self.input_index}" if own else f"data angle {angle} of wire {wire}, {self.n_blocks} blocks"
        size = (6.5, 0.8 + 0.42 * max(self.coefficients.shape[2], 5))
        figure, axes = panel(ax, size, stated if title is None else title)
        shown = self.magnitudes.clamp(min=FLOOR).t()
        image = axes.imshow(shown.numpy(), norm=LogNorm(1e-4, 1), cmap="viridis", aspect="auto")
        axes.axvline(self.n_blocks + 0.5, color="white", ls="--", lw=1.2)
        axes.text(self.n_blocks + 0.6, -0.2, "beyond n_blocks", color="white", fontsize=8, va="center")
        axes.set_xticks(range(shown.shape[1]))
        axes.set_yticks(range(shown.shape[0]))
        axes.set_xlabel("frequency (1/rad)")
        axes.set_ylabel("wire that is read")
        figure.colorbar(image, ax=axes, label="rms of |coefficient|", extend="min")
        return figure

    def __repr__(self) -> str:
        return (
            f"FourierSpectrum(data angle {self.input_index}: highest frequency by wire {self.degree.tolist()}, "
            f"bound {self.n_blocks})"
        )


def fourier_spectrum(
    circuit: Diagnosed,
    input_index: int,
    samples: int = 20,
    generator: torch.Generator | None = None,
    *,
    initial: str = "uniform",
    n_blocks: int | None = None,
) -> FourierSpectrum:
    """Expand <Z_i> in one data angle, the other angles random and fixed.

        <Z_i>(x_j) = sum_(k=-L)^L c_k e^(i k x_j)

    A data angle enters one gate exp(-i x P / 2) per block, whose eigenvalue differences are -1, 0, 1; L blocks reach
    the frequencies -L to L and no other. The first angle of a wire (its RZ comes first) meets |0> in block 0 and
    reaches L - 1 only. A data angle d wires away acts through its first L - d blocks: beyond the cone only k = 0 is
    left. The grid has 4 L + 5 equidistant points, enough to show frequencies up to 2 L + 2: the bound is measured, not
    assumed.

    Of a layer every output is expanded; for a `QuantumLayer`, `n_blocks` is how often it reads the input.

    Raises ValueError on an index that is no input, and where factors of the data make frequencies no whole numbers.

    Source: Schuld, Sweke, Meyer, Phys. Rev. A 103, 032430 (2021), section II.
    """
    samples, subject = whole("samples", samples), subject_of(circuit)
    description = circuit.circuit if isinstance(circuit, ReuploadLayer) else circuit
    if isinstance(description, DataReupload) and description.scales_data:
        raise ValueError("data_scaling: got factors of the data, expected none: they make frequencies no whole numbers")
    blocks = subject.n_blocks if n_blocks is None else whole("n_blocks", n_blocks)
    if blocks is None:
        raise ValueError("n_blocks: got None, expected how often the circuit reads the input, the bound that is drawn")
    if not 0 <= input_index < subject.n_inputs:
        raise ValueError(f"input_index: got {input_index}, expected 0 to {subject.n_inputs - 1}")
    generator = or_fresh(generator)
    inputs = subject.inputs(samples, generator)
    weights = subject.weights(samples, initial, generator)
    points = 4 * blocks + 5
    grid = TWO_PI * torch.arange(points, dtype=torch.float64) / points
    rows = []
    for x, w in zip(inputs, weights, strict=True):
        moved = x.repeat(points, 1)
        moved[:, input_index] = grid
        rows.append(torch.fft.rfft(subject.outputs(moved, w), dim=0, norm="forward").detach())
    return FourierSpectrum(circuit, input_index, torch.stack(rows), inputs, weights, blocks)
