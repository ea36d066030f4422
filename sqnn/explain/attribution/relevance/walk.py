"""Relevance from a logit back to the input, layer by layer, with every share that is booked elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sqnn.core import ConfigError
from sqnn.explain.attribution.relevance.between import find_between, max_pool_pull, same
from sqnn.explain.attribution.relevance.calls import ELSE, SUPPORTED, LayerPass, Passed, pass_through
from sqnn.explain.attribution.relevance.rules import RelevanceRule, Shares, Trains, activation_shares, neuron_shares
from sqnn.explain.attribution.relevance.sums import WeightedSum, pulled
from sqnn.explain.attribution.shapley import head_relevance
from sqnn.models import (
    MODELS,
    SNNMLP,
    SQDRCNN,
    QuantumHead,
    SerialSQNN,
    SpikingQuantum,
    SQDRSeparable,
    shown_name,
)
from sqnn.neurons import LIF

BIAS, SHIFT, INITIAL, STABILISER, LOST = "bias", "norm shift", "initial membrane", "stabiliser", "dead ends"
TERMS = (BIAS, SHIFT, INITIAL, STABILISER, LOST)
"""Where relevance is booked beside the input: biases of weighted sums, shifts of batch norms, the charge that membranes
begin with, what a stabiliser keeps back, and what arrives where there is nothing to hand it on to."""
HANDED_ON = "handed on"
QUANTUM = (SQDRCNN, SQDRSeparable, SerialSQNN, SpikingQuantum)
"""Networks whose angles are a fixed increasing function, zero at zero, of the mean over time of their last layer."""


@dataclass(frozen=True)
class Arrived:
    """What arrived at one place, [steps, batch, ...], and the terms [batch] that were booked on the way there."""

    values: Tensor
    booked: Mapping[str, Tensor]

    def summed(self) -> Arrived:
        """Return the same, added up over the steps."""
        return Arrived(self.values.sum(0, keepdim=True), self.booked)


class Walk:
    """The way back through one network: relevance at its places, and the balance at each layer.

    `at_layers` has what arrived at what the layers gave, by path: of a block at its outputs, and at its neurons before
    a pool; `at_angles` what arrived at the data angles [1, batch, n], and `at_input` at what the first layer read.
    `balances` has what each layer handed on and all that was booked until then, [batch]; `samples` is how many the
    circuit was given alone.
    """

    def __init__(
        self, rule: RelevanceRule, epsilon: float, output: Tensor, reference: Tensor, samples: int = 0
    ) -> None:
        self.rule, self.epsilon, self.samples = rule, epsilon, samples
        self.output, self.reference = output, reference
        self.at_layers: dict[str, list[Arrived]] = {}
        self.balances: dict[str, Mapping[str, Tensor]] = {}
        self.booked = {term: torch.zeros_like(output) for term in TERMS}
        self.at_input = self.at_angles = self.arrived(output - reference)

    def arrived(self, values: Tensor) -> Arrived:
        """Return what arrives now at a place, with what was booked before."""
        return Arrived(values, dict(self.booked))

    def keep(self, path: str, values: Tensor) -> None:
        """Keep what arrives now at a layer."""
        self.at_layers.setdefault(path, []).append(self.arrived(values))

    def book(self, term: str, amounts: Tensor, batch_axis: int = 0) -> None:
        """Add amounts, summed over all but the batch, to a term."""
        self.booked[term] = self.booked[term] + amounts.movedim(batch_axis, 0).flatten(1).sum(1)

    def close(self, path: str, handed_on: Tensor) -> Arrived:
        """Write down the balance after a layer that handed on [steps, batch, ...], and return what it handed on."""
        self.balances[path] = {HANDED_ON: handed_on.movedim(1, 0).flatten(1).sum(1), **self.booked}
        self.at_input = self.arrived(handed_on)
        return self.at_input


@dataclass(frozen=True)
class Seed:
    """What arrives at the last layer [steps, batch, ...], and the multipliers of its membranes where these are read."""

    arriving: Tensor
    at_membranes: Tensor | None = None


@torch.no_grad()
def walk_back(
    model: nn.Module,
    images: Tensor,
    target: Tensor,
    rule: RelevanceRule,
    epsilon: float = 0.0,
    generator: torch.Generator | None = None,
) -> Walk:
    """Divide the logit of `target` [batch] among everything in the network, in its own precision.

    Of a network with a circuit it is the difference to the logit at angles of zero, and the angles have their exact
    Shapley values; of all others it is the logit itself. Raises ConfigError on a network of other layers than SUPPORTED
    ones, or of layers that do not stand in a row.
    """
    passed = pass_through(model, images, generator)
    if not passed.layers:
        raise ConfigError(
            f"method: got relevance for {shown_name(model)}, which has no layers to go back through; {ELSE}"
        )
    walk, seed = _begin(model, passed, target, rule, epsilon)
    for number in reversed(range(len(passed.layers))):
        layer = passed.layers[number]
        for path in {layer.path, layer.activation_path or layer.path}:
            walk.keep(path, seed.arriving)
        multipliers = _through(walk, layer, seed)
        handed_on = multipliers * layer.inputs
        walk.close(layer.path, handed_on)
        if number == 0:
            break
        before = passed.layers[number - 1]
        outputs, pull = before.outputs, find_between(before.outputs, layer.inputs)
        if pull is None:
            raise ConfigError(
                f"method: got {layer.path}, which does not read {before.path} alone, expected {SUPPORTED}; {ELSE}"
            )
        if outputs.numel() != layer.inputs.numel():
            walk.keep(before.path, handed_on)
        seed = Seed(pull(multipliers) * outputs)
    return walk


def _begin(model: nn.Module, passed: Passed, target: Tensor, rule: RelevanceRule, epsilon: float) -> tuple[Walk, Seed]:
    last = passed.layers[-1]
    output = passed.logits.gather(1, target.unsqueeze(1))[:, 0]
    nothing = torch.zeros_like(output)
    if passed.angles is not None:
        if not isinstance(model, QUANTUM):
            names = ", ".join(name for name, kind in MODELS.items() if kind in QUANTUM)
            raise ConfigError(
                f"method: got relevance for {shown_name(model)}, expected {names}, or a network without a circuit; "
                f"{ELSE}"
            )
        if isinstance(model, SpikingQuantum) and model.bound == "sigmoid":
            raise ConfigError(f"bound: got 'sigmoid', whose angles are not zero at zero, expected none or tanh; {ELSE}")
        return _begin_head(model, passed, passed.angles, target, rule, epsilon)
    walk = Walk(rule, epsilon, output, nothing)
    chosen = F.one_hot(target, passed.logits.shape[1]).to(output.dtype)
    if isinstance(model, SNNMLP) and isinstance(last.activation, LIF) and last.sums is not None:
        _, membranes = last.activation(last.sums, return_membrane=True)
        weight = chosen / len(membranes)
        if model.config.readout == "membrane":
            return walk, Seed(torch.zeros_like(last.outputs), weight.expand_as(membranes))
        # softsign(m) / 2 is m times 1 / (2 + 2 |m|), a multiplier without a zero denominator.
        weight = weight / (2 + 2 * membranes.mean(0).abs())
        return walk, Seed(chosen * last.outputs, weight.expand_as(membranes))
    for share in (1.0, 1 / len(last.outputs)):
        read = share * last.outputs
        if read.shape[1:] == passed.logits.shape and same(read.sum(0), passed.logits):
            return walk, Seed(chosen * read)
    raise ConfigError(f"method: got relevance for {shown_name(model)}, whose logits {last.path} does not give; {ELSE}")


def _begin_head(
    model: QuantumHead, passed: Passed, angles: Tensor, target: Tensor, rule: RelevanceRule, epsilon: float
) -> tuple[Walk, Seed]:
    found = head_relevance(model, angles, target)
    walk = Walk(rule, epsilon, found.output.to(angles.dtype), found.reference.to(angles.dtype), found.samples)
    shares = found.values.to(angles.dtype)
    walk.at_angles = walk.close("angles", shares.unsqueeze(0))
    outputs = passed.layers[-1].outputs
    total = outputs.sum(0)
    multipliers = torch.where(total != 0, shares / torch.where(total != 0, total, 1), 0)
    return walk, Seed(multipliers * outputs)


def _through(walk: Walk, layer: LayerPass, seed: Seed) -> Tensor:
    """Return the multipliers of what a layer read [steps, batch, ...], and book what it does not hand on."""
    inputs = layer.inputs
    if layer.pool is not None:
        return _through_pool(layer.pool, layer, seed.arriving)
    weights = layer.weights
    if weights is None:
        raise ConfigError(f"method: got {layer.path} without weights, expected {SUPPORTED}")
    if layer.activation is None or layer.sums is None:
        return _through_sum(walk, layer, weights, seed.arriving)
    positive = weights.parts(inputs, 1) if walk.rule.own_sign else None
    if isinstance(layer.activation, LIF):
        shares = _neurons(walk, layer, layer.activation, layer.sums, positive, seed)
    else:
        shares = activation_shares(walk.rule, layer.sums if positive is None else positive, seed.arriving, walk.epsilon)
    walk.book(INITIAL, shares.initial)
    walk.book(STABILISER, shares.stabiliser)
    walk.book(LOST, shares.lost)
    if positive is not None:
        return weights.pull_parts(shares.multipliers, inputs, 1)
    _book_constants(walk, weights, shares.multipliers)
    return weights.pull(shares.multipliers, inputs)


def _neurons(
    walk: Walk, layer: LayerPass, neuron: LIF, currents: Tensor, positive: Tensor | None, seed: Seed
) -> Shares:
    spikes, membranes = neuron(currents, return_membrane=True)
    if layer.fed_back is None:
        return neuron_shares(
            walk.rule, neuron, Trains(spikes, membranes, currents, positive), seed.arriving, seed.at_membranes,
            epsilon=walk.epsilon,
        )  # fmt: skip
    weight = layer.fed_back.weight.detach()
    if positive is not None:
        weight = weight.clamp(min=0)
        positive[1:] += F.linear(spikes[:-1], weight)
    trains = Trains(spikes, membranes, currents, positive)
    return neuron_shares(
        walk.rule, neuron, trains, seed.arriving, seed.at_membranes, lambda due: due @ weight, walk.epsilon
    )


def _through_sum(walk: Walk, layer: LayerPass, weights: WeightedSum, arriving: Tensor) -> Tensor:
    """Divide what arrives at sums that nothing fires on, over the mean of the steps: they are read by their mean."""
    inputs, steps = layer.inputs.mean(0, keepdim=True), len(layer.inputs)
    due = arriving.sum(0, keepdim=True)
    constants = [part for part in (weights.bias, weights.shift) if part is not None]
    total = weights(inputs) + sum(constants, torch.zeros((), dtype=inputs.dtype, device=inputs.device))
    if not walk.rule.own_sign:
        multipliers = torch.where(total != 0, due / torch.where(total != 0, total, 1), 0)
        _book_constants(walk, weights, multipliers)
        return (weights.pull(multipliers, inputs) / steps).expand_as(layer.inputs)
    pulls = torch.zeros_like(inputs)
    for sign in (1, -1):
        parts, of_sign = weights.parts(inputs, sign), total * sign > 0
        alive = of_sign & (parts != 0)
        pulls += weights.pull_parts(torch.where(alive, due / torch.where(alive, parts, 1), 0), inputs, sign)
        walk.book(LOST, torch.where(of_sign & (parts == 0), due, 0)[0])
    return (pulls / steps).expand_as(layer.inputs)


def _through_pool(pool: nn.Module, layer: LayerPass, arriving: Tensor) -> Tensor:
    outputs, inputs = layer.outputs, layer.inputs
    multipliers = torch.where(outputs != 0, arriving / torch.where(outputs != 0, outputs, 1), 0)
    if isinstance(pool, nn.MaxPool2d):
        side = pool.kernel_size
        if (
            not isinstance(side, int)
            or pool.stride != side
            or pool.padding != 0
            or pool.dilation != 1
            or pool.ceil_mode
        ):
            raise ConfigError(f"method: got {pool} at {layer.path}, expected a max pool of windows that do not overlap")
        return max_pool_pull(multipliers, inputs, side)
    return pulled(lambda steps: pool(steps.flatten(0, 1)).unflatten(0, steps.shape[:2]), inputs, multipliers)


def _book_constants(walk: Walk, weights: WeightedSum, multipliers: Tensor) -> None:
    for term, constant in ((BIAS, weights.bias), (SHIFT, weights.shift)):
        if constant is not None:
            walk.book(term, multipliers * constant, batch_axis=1)
