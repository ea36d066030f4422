"""The connection of a layer, and what does not fit one."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from sqnn.core import ConfigError
from sqnn.plasticity import (
    Connection,
    Conv1d,
    Conv2d,
    Linear,
    PairSTDP,
    Recurrent,
    TripletSTDP,
    adapted_thresholds,
    connection_of,
    decay_of,
    firing_rates,
    heterosynaptic_decay,
    reward_modulation,
    stdp_curve,
)


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (nn.Linear(4, 3), (4,)),
        (nn.Conv1d(4, 6, 3, stride=2, padding=1, groups=2), (4, 9)),
        (nn.Conv1d(2, 3, 4, padding="valid"), (2, 9)),
        (nn.Conv2d(2, 4, (3, 5), padding="same", dilation=(2, 1)), (2, 7, 6)),
        (nn.Conv2d(2, 4, (3, 2), stride=(2, 3), padding=(2, 1), dilation=(1, 2), groups=2), (2, 9, 8)),
    ],
)
def test_the_product_of_a_layer_is_the_gradient_of_its_weight(layer: nn.Module, shape: tuple[int, ...]) -> None:
    generator = torch.Generator().manual_seed(0)
    layer = layer.double()
    pre = torch.randn(5, 2, *shape, generator=generator, dtype=torch.float64)
    currents = layer(pre.flatten(0, 1)).unflatten(0, (5, 2))
    post = torch.randn(currents.shape, generator=generator, dtype=torch.float64)
    weight = layer.weight
    assert isinstance(weight, nn.Parameter)
    (gradient,) = torch.autograd.grad((currents * post).sum(), weight)
    connection = connection_of(layer)
    connection.check(weight, pre, post)
    assert_close(connection.product(post, pre, weight.shape), gradient)


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        (nn.ReLU(), "layer: got ReLU, expected torch.nn.Linear, Conv1d or Conv2d"),
        (nn.ConvTranspose2d(2, 2, 3), "layer: got ConvTranspose2d"),
        (nn.Conv3d(2, 2, 3), "layer: got Conv3d"),
        (nn.Conv2d(2, 2, 3, padding=1, padding_mode="circular"), "layer: got padding_mode 'circular', expected zeros"),
        (nn.Conv1d(2, 2, 4, padding="same"), "layer: got padding 'same' of an even kernel"),
    ],
)
def test_a_layer_of_another_kind_is_refused(layer: nn.Module, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        connection_of(layer)


SHAPES: list[tuple[Connection, tuple[int, ...], tuple[int, ...], tuple[int, ...], str]] = [
    (Linear(), (3, 4), (5, 2, 5), (5, 2, 3), r"pre: got \[5, 2, 5\], expected shape \[5, 2, 4\]"),
    (Linear(), (3, 4), (5, 2, 4), (5, 2, 4), r"post: got \[5, 2, 4\], expected shape \[5, 2, 3\]"),
    (Linear(), (3, 4), (5, 2, 4), (6, 2, 3), r"post: got \[6, 2, 3\], expected shape \[5, 2, 3\]"),
    (Linear(), (3, 4), (5, 4), (5, 3), r"pre: got \[5, 4\], expected shape \[time >= 1, batch >= 1, ...\]"),
    (Linear(), (3, 4), (0, 2, 4), (0, 2, 3), r"pre: got \[0, 2, 4\]"),
    (
        Linear(),
        (3, 4, 2),
        (5, 2, 4),
        (5, 2, 3),
        r"weight: got \[3, 4, 2\], expected shape \[out, in\]; name the connec",
    ),
    (Recurrent(), (3, 4), (5, 2, 4), (5, 2, 3), r"weight: got \[3, 4\], expected shape \[out, out\]"),
    (Conv1d(), (3, 4, 2), (5, 2, 4, 6), (5, 2, 3, 6), r"post: got \[5, 2, 3, 6\], expected shape \[5, 2, 3, 5\]"),
    (Conv2d(groups=2), (3, 4, 2, 2), (5, 2, 8, 6, 6), (5, 2, 3, 5, 5), r"groups: got 2, expected a divisor of .* 3 ch"),
    (Conv2d(), (3, 4, 9, 2), (5, 2, 4, 6, 6), (5, 2, 3, 0, 5), r"weight: got \[3, 4, 9, 2\], expected a kernel"),
]


@pytest.mark.parametrize(("connection", "weight", "pre", "post", "words"), SHAPES)
def test_shapes_that_do_not_belong_together_are_refused(
    connection: Connection, weight: tuple[int, ...], pre: tuple[int, ...], post: tuple[int, ...], words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        PairSTDP().window(torch.zeros(weight), torch.zeros(pre), torch.zeros(post), connection)


SPIKES = torch.zeros(5, 2, 3)
MISTAKES: list[tuple[Any, str]] = [
    (lambda: PairSTDP(tau_plus=20, decay_plus=0.9), "tau_plus: got 20.0 beside decay_plus=0.9, expected one of them"),
    (
        lambda: PairSTDP(tau_minus=0.5, trace="euler"),
        "tau_minus: got 0.5, expected at least 1 step where trace is 'euler'",
    ),
    (lambda: TripletSTDP(tau_y=0.5, trace="euler"), "tau_y: got 0.5, expected at least 1 step"),
    (lambda: PairSTDP(pairing="none"), "pairing: got 'none', expected one of all, nearest"),
    (
        lambda: PairSTDP(dependence="soft", weight_max=1),
        "weight_min: got None, expected a number where dependence is 'soft'",
    ),
    (lambda: PairSTDP(weight_min=1, weight_max=1), "weight_min: got 1.0, expected below weight_max, which is 1.0"),
    (lambda: Conv2d(stride=(1, 2, 3)), r"stride: got \(1, 2, 3\), expected a whole number, or 2 of them"),
    (lambda: Conv1d(padding=1.5), "padding: got 1.5, expected a whole number, or 1 of them"),
    (lambda: PairSTDP(pairing="nearest").post_factor(SPIKES), "pairing: got 'nearest', expected 'all'"),
    (lambda: PairSTDP(batch="max-abs").post_factor(SPIKES), "batch: got 'max-abs', expected 'mean' or 'sum'"),
    (
        lambda: PairSTDP(dependence="soft", weight_min=0, weight_max=1).post_factor(SPIKES),
        "dependence: got 'soft', expected 'additive'",
    ),
    (lambda: TripletSTDP().post_factor(SPIKES), "a3_minus: got 0.00023, expected 0"),
    (lambda: PairSTDP().post_factor(SPIKES[0, 0]), r"post: got \[3\], expected shape \[time >= 1, batch >= 1, ...\]"),
    (
        lambda: PairSTDP().post_factor(SPIKES, torch.ones(2, 5)),
        r"third_factor: got \[2, 5\], expected shape \[5, 2\], \[time, batch\], or that of post, \[5, 2, 3\]",
    ),
    (
        lambda: reward_modulation(torch.ones(4, 2), 5, 0.9),
        r"reward: got shape \[4, 2\], expected \[batch\] or \[5, batch\]",
    ),
    (lambda: reward_modulation(torch.ones(2), 5, 1.5), "decay: got 1.5, expected a number from 0 to 1"),
    (lambda: reward_modulation(torch.ones(2), 0, 0.5), "timesteps: got 0, expected a whole number of at least 1"),
    (lambda: decay_of(0), "tau: got 0.0, expected a finite number of steps above 0"),
    (lambda: decay_of(5, "linear"), "trace: got 'linear', expected one of exponential, euler"),
    (lambda: stdp_curve(PairSTDP(), []), r"lags: got \[\], expected at least one whole number"),
    (lambda: stdp_curve(PairSTDP(), [0.5]), r"lags: got \[0.5\], expected at least one whole number"),
    (lambda: firing_rates(SPIKES[0]), r"post: got \[2, 3\], expected shape \[time, batch, ...\]"),
    (
        lambda: heterosynaptic_decay(torch.ones(2, 3), torch.ones(3), 0.1),
        r"rates: got \[3\], expected shape \[2\], one",
    ),
    (lambda: adapted_thresholds(torch.ones(2), torch.ones(3), 0.1), r"rates: got \[3\], expected shape \[2\]"),
]


@pytest.mark.parametrize(("call", "words"), MISTAKES)
def test_a_mistake_gets_one_line(call: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words) as caught:
        call()
    assert "\n" not in str(caught.value)
