"""Spike-timing rules as plain loops over pairs of spikes: what whole windows are compared with."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import torch
from torch import Tensor

from sqnn.plasticity import COINCIDENCES, Connection, Conv1d, Conv2d, PairSTDP, Recurrent, TripletSTDP

Index = tuple[int, ...]
Rule = PairSTDP | TripletSTDP


def wires(connection: Connection, weight: Tensor, pre: Tensor, post: Tensor) -> Iterator[tuple[Index, Index, Index]]:
    """The postsynaptic neuron, the presynaptic one and the weight of every synapse."""
    if not isinstance(connection, Conv1d | Conv2d):
        for *place, j, i in itertools.product(*map(range, post.shape[2:]), range(weight.shape[1])):
            yield (*place, j), (*place, i), (j, i)
        return
    groups, dims = connection.groups, weight.ndim - 2
    stride, padding, dilation = (
        value if isinstance(value, tuple) else (value,) * dims
        for value in (connection.stride, connection.padding, connection.dilation)
    )
    for o, c in itertools.product(range(weight.shape[0]), range(weight.shape[1])):
        channel = o // (weight.shape[0] // groups) * weight.shape[1] + c
        for out, point in itertools.product(
            itertools.product(*map(range, post.shape[3:])), itertools.product(*map(range, weight.shape[2:]))
        ):
            at = tuple(out[d] * stride[d] - padding[d] + point[d] * dilation[d] for d in range(dims))
            if all(0 <= at[d] < pre.shape[3 + d] for d in range(dims)):
                yield (o, *out), (channel, *at), (o, c, *point)


def decays(rule: Rule) -> tuple[float, float, float, float]:
    """Of the traces r1, o1, r2, o2, worked out again."""

    def of(tau: float) -> float:
        return 1 - 1 / tau if rule.trace == "euler" else float(torch.tensor(-1 / tau, dtype=torch.float64).exp())

    first, second = (16.8, 33.7) if isinstance(rule, TripletSTDP) else (20.0, 20.0)
    plus = of(rule.tau_plus or first) if rule.decay_plus is None else rule.decay_plus
    minus = of(rule.tau_minus or second) if rule.decay_minus is None else rule.decay_minus
    return plus, minus, *((of(rule.tau_x), of(rule.tau_y)) if isinstance(rule, TripletSTDP) else (0.0, 0.0))


def left(times: list[int], now: int, decay: float, nearest: bool, coincident: bool) -> float:
    """What spikes before `now`, or also at it, have left."""
    earlier = [time for time in times if time < now or (coincident and time == now)]
    return sum(decay ** (now - time) for time in (earlier[-1:] if nearest else earlier))


def by_pairs(rule: Rule, connection: Connection, weight: Tensor, pre: Tensor, post: Tensor) -> tuple[Tensor, Tensor]:
    """Potentiation and depression at each step, of each sample and weight, `[time, batch, *weight]`."""
    up = torch.zeros(*pre.shape[:2], *weight.shape, dtype=torch.float64)
    down = torch.zeros_like(up)
    nearest = rule.pairing == "nearest"
    for_up, for_down = COINCIDENCES[rule.coincidence]
    plus, minus, decay_x, decay_y = decays(rule)
    if isinstance(rule, TripletSTDP):
        two_up, three_up, two_down, three_down = rule.a2_plus, rule.a3_plus, rule.a2_minus, rule.a3_minus
    else:
        two_up, three_up, two_down, three_down = rule.a_plus, 0.0, rule.a_minus, 0.0
    delay = 1 if isinstance(connection, Recurrent) else 0
    for sample, (j, i, w) in itertools.product(range(pre.shape[1]), wires(connection, weight, pre, post)):
        arrive = [t + delay for t in range(len(pre) - delay) if pre[(t, sample, *i)]]
        fire = [t for t in range(len(post)) if post[(t, sample, *j)]]
        for t in fire:
            boost = two_up + three_up * left(fire, t, decay_y, nearest, False)
            up[(t, sample, *w)] += boost * left(arrive, t, plus, nearest, for_up)
        for t in arrive:
            boost = two_down + three_down * left(arrive, t, decay_x, nearest, False)
            down[(t, sample, *w)] += boost * left(fire, t, minus, nearest, for_down)
    return up, down


def change_of(rule: Rule, weight: Tensor, up: Tensor, down: Tensor) -> Tensor:
    """One change from those of the steps and samples, as the rule says."""
    f_plus, f_minus = torch.ones_like(weight), torch.ones_like(weight)
    if rule.dependence != "additive":
        least, most = rule.weight_min, rule.weight_max
        assert least is not None
        assert most is not None
        f_plus, f_minus = most - weight, weight - least
        if rule.dependence == "power":
            f_plus, f_minus = f_plus**rule.mu_plus, f_minus**rule.mu_minus
        if rule.dependence == "soft":
            f_plus, f_minus = f_plus / (most - least), f_minus / (most - least)
    each = (f_plus * up - f_minus * down).sum(0)
    if rule.batch == "max-abs":
        change = each.gather(0, each.abs().max(0, keepdim=True).indices)[0]
    else:
        change = each.mean(0) if rule.batch == "mean" else each.sum(0)
    return change / len(up) if rule.time == "mean" else change
