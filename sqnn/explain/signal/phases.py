"""Oscillation of the population: its spectrum, and how neurons lock to its phase."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from sqnn.core import ConfigError, counted, number_of
from sqnn.explain.signal.result import Signal
from sqnn.explain.signal.trains import LayerLike, binary_trains, start_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes


@dataclass(frozen=True, repr=False, eq=False)
class Spectrum(Signal):
    """Power of the population's rate (spikes per neuron and step) at `frequencies` in cycles per step, `[F]` each."""

    frequencies: Tensor
    power: Tensor

    @property
    def peak(self) -> float:
        """The frequency above 0 with most power, in cycles per step; NaN where the rate is constant."""
        above = self.power[1:]
        return float(self.frequencies[1:][above.argmax()]) if len(above) and float(above.max()) > 0 else math.nan

    @property
    def frame(self) -> pd.DataFrame:
        """One row per frequency: cycles per step, period in steps, power."""
        import pandas as pd

        frequencies = self.frequencies.tolist()
        periods = (1 / self.frequencies).tolist()
        return pd.DataFrame({"frequency": frequencies, "period": periods, "power": self.power.tolist()})

    def draw(self, axes: Axes) -> None:
        """Draw power against frequency."""
        axes.plot(self.frequencies.tolist(), self.power.tolist(), ".-", color="C0")
        axes.set_xlabel("frequency (cycles per step)")
        axes.set_ylabel("power of the population rate")
        axes.grid(alpha=0.25)

    def summary(self) -> str:
        """Say where the peak lies."""
        return (
            f"peak at {self.peak:.3g} cycles per step, of {counted(len(self.frequencies), 'frequency', 'frequencies')}"
        )


def spectrum(layer: LayerLike) -> Spectrum:
    """Return the one-sided periodogram of the population's rate, mean over images, each less its own mean over time.

    P(f) = (2 - [f is 0 or 1/2]) |sum_t r_t exp(-2 pi i f t)|^2 / T, per cycle per step.
    """
    rates = binary_trains(layer).mean(2)
    steps = len(rates)
    power = torch.fft.rfft(rates - rates.mean(0), dim=0).abs().square().mean(1) / steps
    power[0] = 0
    power[1 : (steps + 1) // 2] *= 2
    return Spectrum(frequencies=torch.fft.rfftfreq(steps, dtype=torch.float64), power=power.where(power > 1e-24, 0))


@dataclass(frozen=True, repr=False, eq=False)
class PhaseLocking(Signal):
    """Locking of neurons to an oscillation of `period` steps that starts with phase 0; each field is `[neurons]`.

    - `locking`: |mean of exp(i phase)| over a neuron's spikes, 0 to 1, which is large by chance for few spikes;
    - `consistency`: the same without that bias, (n locking^2 - 1) / (n - 1), NaN for fewer than two spikes;
    - `phases`: the mean phase in radians, from -pi to pi; `spikes`: n; `p`: Rayleigh's test against no locking.
    """

    period: float
    spikes: Tensor
    locking: Tensor
    consistency: Tensor
    phases: Tensor
    p: Tensor

    @property
    def frame(self) -> pd.DataFrame:
        """One row per neuron."""
        import pandas as pd

        names = ("spikes", "locking", "consistency", "phases", "p")
        columns = {name: getattr(self, name).tolist() for name in names}
        return pd.DataFrame({"neuron": range(len(self.spikes)), **columns})

    def draw(self, axes: Axes) -> None:
        """Draw each neuron at its mean phase and locking, the larger the more spikes."""
        sizes = 4 + 40 * self.spikes / self.spikes.max().clamp(min=1)
        axes.scatter(self.phases.tolist(), self.locking.tolist(), s=sizes.tolist(), color="C0", alpha=0.6, lw=0)
        axes.set_xlim(-math.pi, math.pi)
        axes.set_ylim(0, 1.02)
        axes.set_xlabel(f"mean phase of a period of {self.period:.3g} steps (radians)")
        axes.set_ylabel("phase locking")

    def summary(self) -> str:
        """Say how strongly neurons lock, over those with two spikes or more."""
        return f"period {self.period:.3g} steps, mean consistency {float(self.consistency.nanmean()):.3g}"


def phase_locking(layer: LayerLike, period: float | None = None) -> PhaseLocking:
    """Return how neurons lock to an oscillation of `period` steps, by default that of the peak of `spectrum`.

    The phase of a spike at step t is 2 pi t / period. Raises ConfigError on a period that is not above 1, and where
    none is given and the population's rate is constant.

    Source: Vinck et al., NeuroImage 51 (2010), for the consistency; Zar, Biostatistical Analysis (1999), for the test.
    """
    trains = binary_trains(layer)
    if period is None:
        peak = spectrum(layer).peak
        if math.isnan(peak):
            raise ConfigError("period: got None, expected a number of steps; the population's rate does not oscillate")
        period = 1 / peak
    length = number_of("period", period)
    if not (math.isfinite(length) and length > 1):
        raise ConfigError(f"period: got {length}, expected a number of steps above 1")
    turns = torch.polar(torch.ones(len(trains), dtype=torch.float64), _phases(start_of(layer), len(trains), length))
    spikes = trains.sum((0, 1))
    sums = (turns @ trains.sum(1).to(turns.dtype)).resolve_conj()
    silent = spikes == 0
    resultant = sums.abs()
    locking = resultant / spikes
    root = (1 + 4 * spikes + 4 * (spikes**2 - resultant**2).clamp(min=0)).sqrt()
    return PhaseLocking(
        period=length,
        spikes=spikes,
        locking=locking,
        consistency=((spikes * locking**2 - 1) / (spikes - 1)).where(spikes > 1, math.nan),
        phases=sums.angle().masked_fill(silent, math.nan),
        p=(root - (1 + 2 * spikes)).exp().masked_fill(silent, math.nan),
    )


def _phases(start: int, steps: int, period: float) -> Tensor:
    return 2 * math.pi * torch.arange(start, start + steps, dtype=torch.float64) / period
