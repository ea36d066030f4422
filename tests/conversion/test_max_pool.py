"""Max pools of bit planes: the planes of the maximum, digit by digit; on all else a pool of decoded values."""

from __future__ import annotations

import itertools

import pytest
import torch
from classical_networks import batch, build, settled
from convertible import draw_images, generator, randomise
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F
from torch.testing import assert_close

from sqnn.conversion import (
    ConversionError,
    SpikingMaxPool,
    convert,
    convert_rate,
    decode,
    load_spiking,
    prepare,
    save_spiking,
    verify,
)
from sqnn.neurons import QCFS

KINDS = {1: nn.MaxPool1d, 2: nn.MaxPool2d, 3: nn.MaxPool3d}
ADAPTIVE = {1: nn.AdaptiveMaxPool1d, 2: nn.AdaptiveMaxPool2d, 3: nn.AdaptiveMaxPool3d}


def planes_of(levels: Tensor, timesteps: int, height: Tensor | float) -> Tensor:
    """The train of the levels [batch, ...]: weighted binary digits, most significant first, counted by hand."""
    weights = [2 ** (timesteps - 1 - t) for t in range(timesteps)]
    return torch.cat([(levels.long() // weight % 2) * weight * height for weight in weights])


def stepped(pool: SpikingMaxPool, train: Tensor) -> Tensor:
    steps = train.unflatten(0, (pool.timesteps, -1))
    state, outputs = pool.initial(steps[0]), []
    for t, spikes in enumerate(steps):
        fired, state = pool.step(spikes, state, t)
        assert state.any(-1).all()  # somebody always stays
        outputs.append(fired)
    return torch.cat(outputs)


@st.composite
def pools(draw) -> tuple[nn.Module, tuple[int, ...]]:
    """A pool with any window, and the size of an input that it takes."""
    sides = draw(st.integers(1, 3))
    size = tuple(draw(st.integers(3, 7 if sides < 3 else 5)) for _ in range(sides))
    if draw(st.booleans()):
        outputs = tuple(draw(st.integers(1, side)) for side in size)
        return ADAPTIVE[sides](outputs if sides > 1 else outputs[0]), size
    each = [
        (kernel := draw(st.integers(1, 3)), draw(st.integers(1, 3)), draw(st.integers(0, kernel // 2)))
        for _ in range(sides)
    ]
    dilation = draw(st.integers(1, 2))
    kernel, stride, padding = (tuple(values) for values in zip(*each, strict=True))
    assume(all(n + 2 * p >= dilation * (k - 1) + 1 for n, k, p in zip(size, kernel, padding, strict=True)))
    return KINDS[sides](kernel, stride, padding, dilation, ceil_mode=draw(st.booleans())), size


@settings(max_examples=100)
@given(pools(), st.integers(1, 8), st.booleans(), st.booleans(), st.integers(0, 10**6))
def test_the_planes_of_a_pool_are_the_digits_of_the_largest_level(
    window: tuple[nn.Module, tuple[int, ...]], timesteps: int, by_channel: bool, last: bool, seed: int
) -> None:
    pool, size = window
    levels = torch.randint(2**timesteps, (2, 3, *size), generator=generator(seed)).double()
    height = torch.rand(1, 3 if by_channel else 1, *(1 for _ in size), generator=generator(seed)).double() + 0.1
    train = planes_of(levels, timesteps, height)
    train = train.contiguous(memory_format=torch.channels_last) if last and len(size) == 2 else train
    largest = pool(levels)
    assume(largest.isfinite().all())  # a dilated window can lie in the padding altogether
    expected = planes_of(largest, timesteps, height)
    spiking = SpikingMaxPool(timesteps, pool)
    assert torch.equal(spiking(train), expected)
    assert torch.equal(stepped(spiking, train), expected)


def test_every_window_of_three_levels_by_hand() -> None:
    """All triples of two bits: candidates drop out where another one fires and they do not."""
    levels = torch.tensor(list(itertools.product(range(4), repeat=3)))[:, None]
    pool = SpikingMaxPool(2, nn.MaxPool1d(3))
    train = planes_of(levels, 2, 1.0)
    high, low = levels // 2, levels % 2
    first = high.amax(-1)
    left = (high == first[..., None]) | (first[..., None] == 0)
    second = (low * left).amax(-1)
    assert torch.equal(stepped(pool, train), torch.cat([first * 2, second])[..., None].double())
    _, state = pool.step(train[: len(levels)], pool.initial(train[: len(levels)]), 0)
    assert torch.equal(state[:, :, 0], left)
    assert 0 < (~left).sum() < left.numel()


class Pools(nn.Module):
    """Pools over windows that overlap, over padding, over a concatenation, one called twice, a global one."""

    def __init__(self, timesteps: int, by_channel: bool) -> None:
        super().__init__()
        each = 3 if by_channel else None
        self.first, self.second = nn.Conv2d(2, 3, 3, padding=1), nn.Conv2d(3, 3, 3, padding=1, bias=False)
        self.norm, self.third = nn.BatchNorm2d(3), nn.Conv2d(6, 3, 3, padding=1)
        self.one, self.two, self.three = (QCFS(timesteps, channels=each) for _ in range(3))
        self.pool, self.last = nn.MaxPool2d(3, 2, 1), nn.Linear(6, 4)

    def forward(self, images: Tensor) -> Tensor:
        spikes = self.pool(self.one(self.first(images)))
        again = self.two(self.norm(self.second(spikes)))
        both = F.max_pool2d(torch.cat([spikes, again], 1), 2, 1, 0, 1, True)
        deep = self.pool(self.three(self.third(both)))
        return self.last(torch.cat([F.adaptive_max_pool2d(deep, 1).flatten(1), deep.mean((2, 3))], 1))


@settings(max_examples=24)
@given(st.integers(1, 8), st.booleans(), st.integers(0, 10**6))
def test_random_networks_with_max_pools_are_exact(timesteps: int, by_channel: bool, seed: int) -> None:
    model = randomise(Pools(timesteps, by_channel), seed)
    images = 2 * draw_images(3, 2, 9, 9, seed=seed) - 0.5
    spiking = convert(model, images=images, fold_batch_norm=seed % 2 == 1)
    assert sum(isinstance(layer, SpikingMaxPool) for layer in spiking.spiking.modules()) == 4
    found = verify(model, spiking, images)
    assert found.mismatches == 0, str(found)
    assert found.exact
    assert_close(spiking(images), model(images), atol=1e-10 * max(1, found.output_scale), rtol=0)


@pytest.mark.parametrize("timesteps", [1, 4, 8])
def test_vgg16_with_its_max_pools_is_exact(timesteps: int) -> None:
    model = settled(build("vgg16", (16, 16), activation="qcfs", timesteps=timesteps, pooling="max"), steps=1)
    images = batch(model, 3)
    found = verify(model, convert(model), images)
    assert found.exact
    assert found.mismatches == 0
    assert found.spikes > 0
    assert torch.equal(convert(model).using("fused")(images), model(images))


class Calls(nn.Module):
    """Two layers of spikes, then whatever a function makes of them, then a mean and a linear layer."""

    def __init__(self, function, channels: int | None = None) -> None:
        super().__init__()
        self.first, self.second, self.third = (nn.Conv2d(1, 4, 3, padding=1) for _ in range(3))
        self.one, self.two, self.function = QCFS(3, channels=channels), QCFS(3, channels=channels), function
        self.pool, self.unpool = nn.MaxPool2d(2, return_indices=True), nn.MaxUnpool2d(2)
        self.conv, self.margin = nn.Conv2d(4, 4, 1), nn.ZeroPad2d(1)

    def forward(self, images: Tensor) -> Tensor:
        return self.function(self, self.one(self.first(images)), self.two(self.second(images)), images)


SPIKING = {
    "spikes": lambda net, s, o, x: F.max_pool2d(s, 2),
    "module's function": lambda net, s, o, x: torch.max_pool2d(s, (3, 2), 1, (1, 0)),
    "flat": lambda net, s, o, x: F.max_pool1d(s.flatten(2), 5, 2),
    "picks": lambda net, s, o, x: F.max_pool2d(s[:, 1:, :, ::2], 2),
    "parts": lambda net, s, o, x: F.max_pool2d(s.chunk(2, 1)[1], 2),
    "margin": lambda net, s, o, x: F.max_pool2d(net.margin(s), 3),
    "channels": lambda net, s, o, x: F.max_pool2d(torch.cat([s, o], 1), 2),
    "turned": lambda net, s, o, x: F.max_pool2d(s.transpose(2, 3), (3, 2)),
    "pooled": lambda net, s, o, x: F.max_pool2d(F.max_pool2d(s, 2, 1), 2, 1),
    "global": lambda net, s, o, x: F.adaptive_max_pool2d(s, 1),
    "dropped": lambda net, s, o, x: F.max_pool2d(F.dropout(s, 0.5, net.training), 2),
}
ONE_THRESHOLD = {
    "permuted": lambda net, s, o, x: F.max_pool2d(s.permute(0, 2, 3, 1), 2),
    "shaped": lambda net, s, o, x: F.max_pool3d(s.view(-1, 2, 2, 6, 6), 2),
    "one image of one channel": lambda net, s, o, x: F.max_pool3d(s.unsqueeze(1), 2),
    "shuffled": lambda net, s, o, x: F.max_pool2d(F.pixel_shuffle(s, 2), 2),
    "rows": lambda net, s, o, x: F.max_pool2d(torch.cat([s, s[:, :, 1:]], 2), 2),
}
ISLANDS = {
    "sums": lambda net, s, o, x: F.max_pool2d(s + o, 2),
    "averages": lambda net, s, o, x: F.max_pool2d(F.avg_pool2d(s, 2, 1), 2),
    "currents": lambda net, s, o, x: F.max_pool2d(net.conv(s), 2),
    "values joined": lambda net, s, o, x: F.max_pool2d(torch.cat([s, x], 1), 2),
    "unlike rows": lambda net, s, o, x: F.max_pool2d(torch.cat([s, o], 2), 5),
    "largest": lambda net, s, o, x: s.amax((2, 3)),
    "larger": lambda net, s, o, x: torch.maximum(s, o),
    "sized": lambda net, s, o, x: F.max_pool2d(s, s.size(2)),
    "places": lambda net, s, o, x: net.unpool((pair := net.pool(s))[0], pair[1]),
}


def pools_of(spiking) -> list[SpikingMaxPool]:
    return [layer for layer in spiking.spiking.modules() if isinstance(layer, SpikingMaxPool)]


@pytest.mark.parametrize("channels", [None, 4])
@pytest.mark.parametrize("name", [*SPIKING, *ONE_THRESHOLD, *ISLANDS])
def test_a_pool_spikes_where_it_sees_planes_and_is_right_everywhere(name: str, channels: int | None) -> None:
    function = {**SPIKING, **ONE_THRESHOLD, **ISLANDS}[name]
    model = randomise(Calls(function, channels), seed=4)
    images = draw_images(6, 1, 6, 6, seed=2) * 2 - 0.5
    spiking = convert(model, images=images)
    expected = 0 if name in ISLANDS or (name in ONE_THRESHOLD and channels) else 2 if name == "pooled" else 1
    assert len(pools_of(spiking)) == expected
    found = verify(model, spiking, images)
    assert found.exact
    assert found.output_difference < 1e-12
    assert found.output_scale > 0.1
    if expected:
        immediate = convert(model, images=images, postponed=False)
        assert_close(immediate.using("step")(images), immediate(images), atol=1e-12, rtol=0)


@pytest.mark.parametrize(
    "options",
    [{"planes": 2}, {"planes": 1}, {"bias_shift": False}, {"postponed": False}, {"postponed": False, "planes": 2}],
)
def test_whatever_planes_a_pool_is_given_it_sends_those_of_their_maximum(options: dict) -> None:
    model = randomise(Pools(4, True), seed=5)
    images = 2 * draw_images(4, 2, 9, 9) - 0.5
    spiking = convert(model, images=images, **options)
    seen = []
    for pool in pools_of(spiking):
        pool.register_forward_hook(lambda pool, given, sent: seen.append((pool, *given, sent)))
    spiking.record(images)
    assert len(seen) == 4
    for pool, train, sent in seen:
        T = spiking.timesteps
        largest, _ = pool.pool(decode(train, T))
        assert torch.equal(decode(sent, T), largest)
        assert torch.equal(stepped(pool, train), sent)
        assert ((sent != 0).any(0)).any()


def test_step_by_step_is_layer_by_layer() -> None:
    images = 2 * draw_images(4, 2, 9, 9) - 0.5
    spiking = convert(randomise(Pools(4, True), seed=5), images=images, postponed=False)
    (one, trains), (other, steps) = (spiking.using(order).record(images) for order in ("layer", "step"))
    assert all(torch.equal(trains[path], steps[path]) for path in trains)
    assert_close(other, one, atol=1e-12, rtol=0)


LINE = (
    "takes a maximum, which spikes that are counted have not before their last step; "
    'prepare(model, timesteps, pools="average") puts an average pool there, then fine-tune'
)


@pytest.mark.parametrize(
    "rates",
    [
        lambda model: convert_rate(model, 5),
        lambda model: convert_rate(model, 5, thresholds="max", images=draw_images(4, 1, 8, 8)),
        lambda model: convert(model, plane_weights=False),
        lambda model: convert(model, plane_weights=False, postponed=False),
    ],
)
def test_counted_spikes_have_no_maximum(rates) -> None:
    model = randomise(nn.Sequential(nn.Conv2d(1, 2, 3), QCFS(3), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(18, 2)))
    with pytest.raises(ConversionError) as caught:
        rates(model)
    assert caught.value.problems == (f"2: MaxPool2d {LINE}",)
    rates(prepare(model, 3, pools="average").double())


def test_rates_take_the_largest_of_images() -> None:
    model = randomise(nn.Sequential(nn.MaxPool2d(2), nn.Conv2d(1, 2, 3), QCFS(3), nn.Flatten(), nn.Linear(8, 2)))
    images = draw_images(3, 1, 8, 8)
    assert_close(convert_rate(model, 300)(images), model(images), atol=0.5, rtol=0)


def test_features_without_channels_are_summed_first_where_their_thresholds_differ() -> None:
    """A pool of features in a row mixes those that have thresholds of their own."""
    images = draw_images(40, 3) * 4 - 2
    for channels, expected in ((6, 0), (None, 1)):
        layers = nn.Linear(3, 6), QCFS(3, channels=channels), nn.MaxPool1d(3), nn.Linear(2, 2)
        model = randomise(nn.Sequential(*layers), seed=3)
        spiking = convert(model, images=images)
        assert len(pools_of(spiking)) == expected
        assert verify(model, spiking, images).exact


def test_a_network_with_max_pools_comes_back_from_its_file(tmp_path) -> None:
    model = settled(build("vgg11", activation="qcfs", timesteps=3, pooling="max", thresholds="channel")).float()
    spiking = convert(model)
    read = load_spiking(save_spiking(spiking, tmp_path / "file.safetensors"))
    images = batch(model)
    assert len(pools_of(read)) == len(pools_of(spiking)) > 0
    assert torch.equal(read(images), spiking(images))


def test_a_relu_network_with_max_pools_is_prepared_and_converted_as_it_stands() -> None:
    """The shape of most public networks, such as kuangliu/pytorch-cifar's VGG: nothing is averaged in silence."""
    relu = settled(build("vgg11", pooling="max"))
    images = batch(relu, 6)
    model = prepare(relu, 8, images=images, percentile=100.0)
    assert model.config.pooling == "max"
    assert verify(model, convert(model), images).exact
    kept = (model(images) - relu(images)).abs().max()
    averaged = prepare(relu, 8, images=images, percentile=100.0, pools="average")
    assert kept < 0.3 * (averaged(images) - relu(images)).abs().max()
