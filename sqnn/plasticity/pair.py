"""The pair rule: one presynaptic and one postsynaptic spike at a time."""

from __future__ import annotations

import dataclasses

from sqnn.plasticity.rule import STDP, Amplitudes, weight_option


@dataclasses.dataclass(frozen=True, kw_only=True)
class PairSTDP(STDP):
    """Spike-timing dependent plasticity of pairs of spikes.

    dw = A+ exp(-dt / tau_plus) for a postsynaptic spike dt >= 0 steps after a presynaptic one, -A- exp(dt / tau_minus)
    for dt < 0. Over a window, with x_i(t) the trace of presynaptic spikes s_i, this step included, and y^_j(t) that of
    postsynaptic spikes y_j before this step,

        dW_ji = f+ A+ sum_t y_j(t) x_i(t) - f- A- sum_t s_i(t) y^_j(t)

    Negative amplitudes are allowed. Source: Song, Miller and Abbott, Nature Neuroscience 3 (2000); the traces are those
    of Morrison, Diesmann and Gerstner, Biological Cybernetics 98 (2008).
    """

    a_plus: float = weight_option(0.01, "change per pair where the postsynaptic spike comes later")
    a_minus: float = weight_option(0.0105, "change per pair where the postsynaptic spike comes earlier, taken away")

    @property
    def amplitudes(self) -> Amplitudes:
        return Amplitudes(self.a_plus, self.a_minus)
