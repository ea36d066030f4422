"""The triplet rule: a pair counts more when its neuron has fired shortly before."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from sqnn.core import Choices, option
from sqnn.plasticity.rule import STDP, Amplitudes, weight_option
from sqnn.plasticity.traces import decay_of


@dataclasses.dataclass(frozen=True, kw_only=True)
class TripletSTDP(STDP):
    """Spike-timing dependent plasticity of triplets of spikes.

    With r1, r2 the traces of presynaptic spikes (tau_plus, tau_x) and o1, o2 of postsynaptic ones (tau_minus, tau_y),
    r2 and o2 as they were before the spike:

        a postsynaptic spike adds       r1 (A2+ + A3+ o2)
        a presynaptic spike takes away  o1 (A2- + A3- r2)

    Both A3 = 0 leave the pair rule. With `a3_minus` 0, as in the minimal rules, a window is one product, and
    `post_factor` exists. The defaults are those of visual cortex with all pairs, for steps of one millisecond;
    `TRIPLETS` has more.

    Source: Pfister and Gerstner, J. Neuroscience 26 (2006), equations 3 and 4.
    """

    tau_x: float = option(101.0, "time constant of the presynaptic trace of triplets, in steps", above=0, most=1e6)
    tau_y: float = option(125.0, "time constant of the postsynaptic trace of triplets, in steps", above=0, most=1e6)
    a2_plus: float = weight_option(5e-10, "potentiation per pair")
    a3_plus: float = weight_option(6.2e-3, "potentiation per triplet with two postsynaptic spikes")
    a2_minus: float = weight_option(7e-3, "depression per pair, taken away")
    a3_minus: float = weight_option(2.3e-4, "depression per triplet with two presynaptic spikes, taken away")

    default_taus: ClassVar[tuple[float, float]] = (16.8, 33.7)

    def validate(self) -> None:
        super().validate()
        decay_of(self.tau_x, self.trace, "tau_x")
        decay_of(self.tau_y, self.trace, "tau_y")

    @property
    def amplitudes(self) -> Amplitudes:
        decays = decay_of(self.tau_x, self.trace), decay_of(self.tau_y, self.trace)
        return Amplitudes(self.a2_plus, self.a2_minus, self.a3_plus, self.a3_minus, *decays)


TRIPLETS: Choices[TripletSTDP] = Choices(
    "triplet",
    {
        "visual-cortex": TripletSTDP(),
        "visual-cortex-minimal": TripletSTDP(a2_plus=0, a3_plus=6.5e-3, a2_minus=7.1e-3, a3_minus=0, tau_y=114),
        "hippocampus": TripletSTDP(
            a2_plus=6.1e-3, a3_plus=6.7e-3, a2_minus=1.6e-3, a3_minus=1.4e-3, tau_x=946, tau_y=27
        ),
    },
)
"""Rules fitted to experiments by Pfister and Gerstner (2006), all pairs, for steps of one millisecond."""
