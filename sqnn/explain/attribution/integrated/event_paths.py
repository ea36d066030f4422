"""Exact integrated gradients of spiking networks: the jumps of the output, shared out where they begin."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

import torch
from torch import Tensor

from sqnn.core import ConfigError, counted, option
from sqnn.explain.attribution.base import Found, Method
from sqnn.explain.attribution.integrated.events import Dynamics, Events, events_between
from sqnn.explain.attribution.places import PIXELS, SPIKES, LayerOutput, sole_neurons
from sqnn.explain.attribution.probe import PASSES, Baseline, Probe, copy_of
from sqnn.explain.recording import LayerRecord, recorder

CLOSE = 1e-9
"""Relative error within which currents count as lying on a straight line."""
KNOWN = ("IF", "LIF")
"""Neurons whose membranes are linear in their currents between two spikes."""


@dataclass(frozen=True, kw_only=True)
class IntegratedEvents(Method):
    """The exact path integral from the baseline b to x: F(b + a (x - b)) changes in jumps, and each jump has its cause.

    Each jump begins with a neuron of the first layer, whose membrane u_t reaches the threshold at a position a that can
    be solved for. The jump is shared out over the inputs by their parts in the movement of that membrane,
    (x - b)_i (du_t/dx_i) / (du_t/da); neurons that cross at one position share it equally. In float64, so that the
    values add up to rounding: Aumann-Shapley values of a function of jumps. They add up by construction, which does
    not make them faithful.

    Raises ConfigError where the first neurons are no if or lif, their currents are not linear in the place, or the
    rest of the network sees more than their spikes.
    """

    name: ClassVar[str] = "integrated-events"
    title: ClassVar[str] = "exact integrated gradients along the events of the first layer"
    at: ClassVar[tuple[str, ...]] = (PIXELS, SPIKES)
    by_gradient: ClassVar[bool] = True
    straight: ClassVar[bool] = True

    baseline: Baseline = option(0.0, "what stands for nothing: a number, or a tensor as of one image")

    def explain(self, probe: Probe) -> Found:
        exact = probe.on(copy_of(probe.model).double())
        baseline = exact.baseline(self.baseline)
        reference = exact.score(baseline).detach()
        layer = _first_layer(exact, baseline)
        with torch.no_grad():
            ends = [_arriving(exact, point) for point in (baseline, exact.point)]
        values, count = [], 0
        for row in range(len(exact.point)):
            events = events_between(_lines(ends[0], row), _lines(ends[1], row), _dynamics(ends[0]))
            jumps = _jumps(exact, layer, events, row, ends[0])
            values.append(_shared_out(exact, baseline, events, jumps, row))
            count += len(events)
        note = f"{counted(round(count / len(values)), 'event')} per image, in float64"
        return Found(values=torch.cat(values), reference=reference, output=exact.output, complete=True, note=note)


def _arriving(probe: Probe, points: Tensor, rows: Tensor | None = None) -> LayerRecord:
    """Return the record of the first layer of neurons for points, with its currents."""
    with recorder(probe.model, membranes=False, bloch=False, detach=False) as seen:
        probe.logits(points, rows)
    if not seen.layers:
        raise ConfigError("method: got integrated-events for a network without spiking neurons, expected saliency")
    return next(iter(seen.layers.values()))


@torch.no_grad()
def _first_layer(probe: Probe, baseline: Tensor) -> LayerOutput:
    """Return the first layer of neurons as a place; ConfigError unless the method holds for the network."""
    record = _arriving(probe, probe.point)
    if record.neuron not in KNOWN:
        raise _unfit(f"whose first neurons, {record.name}, are {record.neuron}", f"neurons {' or '.join(KNOWN)}")
    start, end = (_currents(_arriving(probe, point)) for point in (baseline, probe.point))
    for a in (0.25, 0.5, 0.75):
        between = _currents(_arriving(probe, torch.lerp(baseline, probe.point, a)))
        line = torch.lerp(start, end, a)
        if not torch.allclose(between, line, rtol=0, atol=CLOSE * (1 + float(line.abs().max()))):
            raise _unfit(f"whose currents into {record.name} are not linear in the {probe.at}", "linear layers alone")
    layer = LayerOutput(probe.model, sole_neurons(probe.model.get_submodule(record.name)), record.name)
    trains = record.spikes.transpose(0, 1)
    for images in (probe.images, 1 - probe.images):
        logits = layer.logits(trains, images, probe.generator())
        if not torch.allclose(logits, probe.plain, rtol=0, atol=CLOSE * (1 + float(logits.abs().max()))):
            raise _unfit(f"that sees more of its images than the spikes of {record.name}", "one way through them")
    return layer


def _unfit(got: str, expected: str) -> ConfigError:
    return ConfigError(
        f"method: got integrated-events for a network {got}, expected {expected}; integrated-smooth or "
        "integrated-surrogate take others"
    )


def _currents(record: LayerRecord) -> Tensor:
    """Return the currents of a record that has them."""
    return record.spikes if record.currents is None else record.currents


def _lines(record: LayerRecord, row: int) -> Tensor:
    """Return the currents [time, neurons] of one image."""
    return _currents(record)[:, row].flatten(1)


def _dynamics(record: LayerRecord) -> Dynamics:
    """Return the equations of the neurons of a layer, one value for each neuron."""
    if record.reset is None:
        raise ConfigError(f"method: got integrated-events for neurons {record.neuron}, expected if or lif")
    like = _lines(record, 0)[0]
    threshold, beta, initial = (
        torch.as_tensor(value, dtype=like.dtype, device=like.device).expand(record.neurons).flatten()
        for value in (record.threshold, record.beta, record.initial_membrane)
    )
    return Dynamics(threshold.detach(), beta.detach(), (initial * threshold).detach(), record.reset)


@torch.no_grad()
def _jumps(probe: Probe, layer: LayerOutput, events: Events, row: int, record: LayerRecord) -> Tensor:
    """Return the jump of the logit at each event: that of its group, shared equally."""
    groups, spikes = events.groups, events.first.clone()
    bounds = [0, *(groups.bincount().cumsum(0).tolist())] if len(events) else [0]
    neurons = events.neurons.tolist()
    scores, target = [], int(probe.target[row])

    def score(trains: list[Tensor]) -> Tensor:
        points = torch.stack(trains).unflatten(2, record.neurons)
        probe.passes.forwards += len(points)
        images = probe.images[row].expand(len(points), *probe.images.shape[1:])
        return layer.logits(points, images, probe.generator())[:, target]

    waiting = [spikes.clone()]
    for first, end in pairwise(bounds):
        for k in range(first, end):
            spikes[:, neurons[k]] = events.trains[k]
        waiting.append(spikes.clone())
        if len(waiting) == PASSES:
            scores.append(score(waiting))
            waiting = []
    if waiting:
        scores.append(score(waiting))
    return (torch.cat(scores).diff() / groups.bincount())[groups]


def _shared_out(probe: Probe, baseline: Tensor, events: Events, jumps: Tensor, row: int) -> Tensor:
    """Return the values [1, ...] of one image: each jump by the parts of the inputs in the movement that caused it."""
    moves = (jumps / events.slopes)[:, None] * events.shares
    weights = torch.zeros_like(events.first).index_add_(1, events.neurons, moves.t())
    variable = probe.point[row : row + 1].detach().requires_grad_()
    with torch.enable_grad():
        currents = _currents(_arriving(probe, variable, torch.tensor([row], device=variable.device)))
        (gradient,) = torch.autograd.grad(currents, variable, weights.view(currents.shape))
    probe.passes.backwards += 1
    return gradient * (variable.detach() - baseline[row])
