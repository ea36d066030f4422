"""Relevance propagation as a method of attribution."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from sqnn.conversion import SpikingNetwork
from sqnn.core import ConfigError, option
from sqnn.explain.attribution.base import Found, Method
from sqnn.explain.attribution.places import ANGLES, LAYER, NAMED, PIXELS, QUBITS, SPIKES
from sqnn.explain.attribution.probe import Probe
from sqnn.explain.attribution.relevance.rules import RULES
from sqnn.explain.attribution.relevance.walk import HANDED_ON, Arrived, Walk, walk_back
from sqnn.explain.attribution.result import Ledger

INPUT = "input"


@dataclass(frozen=True, kw_only=True)
class Relevance(Method):
    """The logit divided layer by layer among everything that it was made of, in logits, with a ledger of all shares.

        f(x) - f(0) = input + bias + norm shift + initial membrane + stabiliser + dead ends

    holds at every layer to rounding. Neurons divide by the `rule` (RULES), weighted sums by the products of weights and
    values, batch norms as part of the weights before them, max pools in equal parts among the winners, and a quantum
    head by the exact Shapley values of its angles, where f(0) is the logit at angles of zero; without a circuit it is
    0. Linear layers, convolutions, pools, if and lif neurons, ReLU and QCFS are known, one after the other. A converted
    network is explained as the network it came from, whose values it has.

    Source: Bach et al., PLoS ONE 10 (2015); Montavon et al., Pattern Recognition 65 (2017). The ledger is this
    package's own.
    """

    name: ClassVar[str] = "relevance"
    title: ClassVar[str] = "the logit divided layer by layer, with a ledger (LRP)"
    at: ClassVar[tuple[str, ...]] = (PIXELS, SPIKES, ANGLES, QUBITS, LAYER)
    by_default: ClassVar[bool] = True

    rule: str = option("z+", "what relevance is divided by", among=RULES)
    epsilon: float = option(0.0, "added to denominators, in units of the membrane; what it keeps is booked", least=0)

    def explain(self, probe: Probe) -> Found:
        model, note = explained(probe.model, probe.at)
        walk = walk_back(model, probe.images, probe.target, RULES[self.rule], self.epsilon, probe.generator())
        probe.passes.forwards += len(probe.images) + walk.samples
        arrived = _arrived(walk, probe)
        booked = torch.stack(list(arrived.booked.values())).sum(0)
        end = INPUT if probe.at in (PIXELS, SPIKES) else HANDED_ON
        terms = {end: arrived.values.flatten(1).sum(1), **arrived.booked}
        return Found(
            values=arrived.values,
            reference=walk.reference,
            output=walk.output,
            complete=True,
            unaccounted=booked,
            ledger=Ledger(terms=terms, total=walk.output - walk.reference, layers=walk.balances),
            note=note,
        )


def explained(model: nn.Module, at: str) -> tuple[nn.Module, str]:
    """Return the network that is gone back through, and what a reader has to know of it."""
    if not isinstance(model, SpikingNetwork):
        return model, ""
    if not model.how.exact:
        raise ConfigError("method: got a network converted by rates, expected an exact conversion, or method='shapley'")
    if at != PIXELS:
        raise ConfigError(f"at: got {at!r} for a converted network, expected pixels, or the network it came from")
    return model.source, "of the network that this one was converted from, whose values it has"


def _arrived(walk: Walk, probe: Probe) -> Arrived:
    """Return what arrived at the place that is explained, shaped as what it holds, and what was booked before."""
    shape = probe.point.shape
    if probe.at in (ANGLES, QUBITS):
        found = walk.at_angles
    elif probe.at in NAMED:
        found = walk.at_input
        if probe.at == PIXELS and found.values.numel() != probe.point.numel():
            found = found.summed()
    else:
        fitting = [arrived for arrived in walk.at_layers.get(probe.at, []) if arrived.values.numel() == shape.numel()]
        if not fitting:
            known = ", ".join(walk.at_layers)
            raise ConfigError(
                f"at: got {probe.at!r}, where relevance keeps nothing, expected pixels, or one of {known}"
            )
        found = fitting[0]
    return Arrived(_shaped(found.values, shape, probe.at), found.booked)


def _shaped(values: Tensor, shape: torch.Size, at: str) -> Tensor:
    """Return values [steps, batch, ...] with the batch first, in the shape of what the place holds."""
    if values.numel() != shape.numel():
        raise ConfigError(f"at: got {at!r}, which the first layer does not read as it is; expected the path of a layer")
    return values.transpose(0, 1).reshape(shape)
