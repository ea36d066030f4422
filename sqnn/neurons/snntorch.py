"""Neurons of snnTorch, under names such as snntorch:Leaky."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar, Literal, overload

import torch
from torch import Tensor

from sqnn.core import number_of
from sqnn.neurons.base import Neuron, check_currents
from sqnn.neurons.step import RESETS
from sqnn.neurons.surrogates import Surrogate, make_surrogate

if TYPE_CHECKING:
    from torch import nn


class SnnTorchNeuron(Neuron):
    """Run neurons of snnTorch over a sequence of currents, by its own code, step by step: slower than `LIF`.

    Currents and spikes are `[time, batch, *features]`. Each call makes neurons of snnTorch that begin at
    `initial_membrane` thresholds and are dropped again: neither state nor weights are kept.

    Raises `ValueError` on decays outside (0, 1], on what `LIF` refuses, and on what snnTorch refuses.
    """

    kind: ClassVar[str]
    decays: ClassVar[Mapping[str, str]] = MappingProxyType({"beta": "beta"})
    """Names of the decays per step in snnTorch's constructor, and here."""
    leaks: ClassVar[bool] = False
    """Whether a beta of 1 is refused, and a synapse that does not outlast the membrane."""
    options: ClassVar[tuple[str, ...]] = ("beta", "threshold", "reset", "initial_membrane", "surrogate")

    def __init__(
        self,
        beta: float = 0.9,
        threshold: float = 1.0,
        reset: str = "subtract",
        surrogate: str | Surrogate = "atan",
        *,
        synapse: float | None = None,
        initial_membrane: float = 0.0,
        channels: int | None = None,
    ) -> None:
        super().__init__()
        if channels is not None:
            raise ValueError(f"channels: got {channels}, expected None: these neurons have one value per layer")
        self.beta, self.synapse = number_of("beta", beta), synapse
        for name in self.decays.values():
            value = vars(self)[name]
            if value is None or not 0 < number_of(name, value) <= 1 or (self.leaks and self.beta == 1):
                span = "(0, 1)" if self.leaks else "(0, 1]"
                raise ValueError(f"{name}: got {value}, expected a number in {span} for snntorch:{self.kind}")
        if self.leaks and synapse is not None and not synapse > self.beta:
            raise ValueError(
                f"synapse: got {synapse}, expected a number above beta, {self.beta}, for snntorch:{self.kind}"
            )
        self.threshold = number_of("threshold", threshold)
        if not (math.isfinite(self.threshold) and self.threshold > 0):
            raise ValueError(f"threshold: got {threshold}, expected a positive finite number")
        self.initial_membrane = number_of("initial_membrane", initial_membrane)
        if not math.isfinite(self.initial_membrane):
            raise ValueError(f"initial_membrane: got {initial_membrane}, expected a finite number")
        RESETS.pick(reset)
        self.reset = reset
        self.surrogate = make_surrogate(surrogate)

    @overload
    def forward(self, currents: Tensor, return_membrane: Literal[False] = False) -> Tensor: ...

    @overload
    def forward(self, currents: Tensor, return_membrane: Literal[True]) -> tuple[Tensor, Tensor]: ...

    def forward(self, currents: Tensor, return_membrane: bool = False) -> Tensor | tuple[Tensor, Tensor]:
        """Spikes in {0, 1}, whose gradient is the surrogate's, and on request the membranes they come from."""
        check_currents(currents)
        neurons = self._neurons(currents)
        neurons.mem = torch.full_like(currents[0], self.initial_membrane * self.threshold)
        spikes, membranes = [], []
        for current in currents.unbind(0):
            spikes.append(neurons(current))
            if return_membrane:
                membranes.append(neurons.mem)
        return (torch.stack(spikes), torch.stack(membranes)) if return_membrane else torch.stack(spikes)

    def extra_repr(self) -> str:
        return ", ".join(f"{name}={vars(self)[name]!r}" for name in self.options)

    def _neurons(self, currents: Tensor) -> nn.Module:
        """Make neurons of snnTorch in the precision of the currents, and take them from its list of all neurons."""
        import snntorch

        names = {"threshold": "threshold", **self.decays}
        numbers = {name: currents.new_tensor(vars(self)[ours]) for name, ours in names.items()}
        made: nn.Module = vars(snntorch)[self.kind](
            **numbers, spike_grad=self.surrogate.fire, reset_mechanism=self.reset, init_hidden=True
        )
        snntorch.SpikingNeuron.instances.remove(made)
        return made.to(currents.device)


class SnnTorchLeaky(SnnTorchNeuron):
    """Run `snntorch.Leaky`, in which a spike acts one step late: u_t = beta u_(t-1) + I_t - threshold s_(t-1).

    The threshold that is lost does not decay (reset "subtract"), and no gradient passes through the reset. Spikes and
    gradients are those of `LIF` with `detach_reset=True` for the resets "zero" and "none", and for "subtract" with
    beta 1. They differ for "subtract" with a leak, where `LIF` loses beta times the threshold, and where
    `initial_membrane` is above 1, which counts as a spike before the first step. The rest is `SnnTorchNeuron`'s.
    """

    kind = "Leaky"


class SnnTorchLapicque(SnnTorchNeuron):
    """Run `snntorch.Lapicque` with R = 1: u_t = (1 + ln beta) u_(t-1) - ln(beta) I_t - threshold s_(t-1).

    For the reset "none" its spikes are those of `LIF` with the decay 1 + ln beta, on currents times -ln beta. They
    differ for "subtract", as in `SnnTorchLeaky`, and for "zero", where the current of the step after a spike is lost.
    """

    kind = "Lapicque"
    leaks = True


class SnnTorchSynaptic(SnnTorchNeuron):
    """Run `snntorch.Synaptic`, whose membrane, as that of `SnnTorchLeaky`, receives i_t = synapse i_(t-1) + I_t.

    Its spikes are those of `SnnTorchLeaky` on the currents i_t, but for the reset "zero", where the current of the step
    after a spike is lost.
    """

    kind = "Synaptic"
    decays = MappingProxyType({"alpha": "synapse", "beta": "beta"})
    options = ("synapse", *SnnTorchNeuron.options)


class SnnTorchAlpha(SnnTorchSynaptic):
    """Run `snntorch.Alpha`: the membrane is the difference of two currents of decays synapse > beta.

    No `LIF` has these dynamics; see snnTorch's documentation for the equations and the resets.
    """

    kind = "Alpha"
    leaks = True
