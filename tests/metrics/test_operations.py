"""Operations of networks small enough to count them one by one."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from convertible import draw_images, plain, randomise
from torch import Tensor, nn
from torch.nn import functional as F

from sqnn.conversion import convert, convert_rate
from sqnn.core import ConfigError
from sqnn.metrics import ENERGY_MODELS, OperationCount, count_operations
from sqnn.neurons import QCFS

IMAGES = 3


def convolved(spikes: np.ndarray | None, shape: tuple[int, ...], layer: nn.Conv2d) -> float:
    """Additions of a convolution on [channels, height, width]: one for each spike, output and tap inside the image.

    Without spikes every place counts once.
    """
    (kernel, _), (stride, _), (padding, _) = layer.kernel_size, layer.stride, layer.padding
    channels, height, width = shape
    rows, columns = ((side + 2 * padding - kernel) // stride + 1 for side in (height, width))
    total = 0.0
    per_group = layer.out_channels // layer.groups
    for row, column, dy, dx in itertools.product(range(rows), range(columns), range(kernel), range(kernel)):
        y, x = row * stride + dy - padding, column * stride + dx - padding
        if 0 <= y < height and 0 <= x < width:
            for channel in range(channels):
                total += per_group * (1 if spikes is None else spikes[channel, y, x])
    return total


def rows_of(count: OperationCount) -> dict[str, dict[str, float]]:
    return count.frame.set_index("layer").to_dict("index")


def spikes_of(spiking, images: Tensor) -> dict[str, np.ndarray]:
    """Spikes of each place, summed over time: [batch, ...]."""
    return {path: train.sum(0).numpy() for path, train in spiking.record(images)[1].items()}


def operations(mac: float = 0.0, ac: float = 0.0, shifts: float = 0.0, comparisons: float = 0.0) -> dict[str, float]:
    return {"multiply_accumulates": mac, "accumulates": ac, "shifts": shifts, "comparisons": comparisons}


@pytest.mark.parametrize("batch_size", [1, 2, 64])
def test_convolutions_with_padding_stride_and_groups(batch_size: int) -> None:
    T = 3
    model = randomise(
        nn.Sequential(
            nn.Conv2d(2, 4, 3, stride=2, padding=1),
            QCFS(T),
            nn.Conv2d(4, 6, 3, stride=2, padding=1, groups=2),
            QCFS(T),
            nn.Conv2d(6, 2, 1, bias=False),
            QCFS(T),
            nn.Flatten(),
            nn.Linear(8, 5),
        ),
        seed=2,
    )
    images = draw_images(IMAGES, 2, 7, 7)
    spiking = convert(model, images=images)
    source, spent = count_operations(spiking, images, batch_size=batch_size)
    sides = {"0": (2, 7, 7), "2": (4, 4, 4), "4": (6, 2, 2)}
    expected = {name: operations(convolved(None, sides[name], model[int(name)])) for name in sides}
    assert rows_of(source) == {**expected, "7": operations(8 * 5)}
    spikes = spikes_of(spiking, images)

    def mean(index: int) -> float:
        layer, path = model[index], str(index - 1)
        return sum(convolved(image, sides[str(index)], layer) for image in spikes[path]) / IMAGES

    fired = {path: train.sum() / IMAGES for path, train in spikes.items()}
    assert min(fired.values()) > 0
    cells = {"1": 4 * 16, "3": 6 * 4, "5": 2 * 4}
    found = rows_of(spent)
    wanted = {
        "0": operations(expected["0"]["multiply_accumulates"]),
        "1": operations(ac=cells["1"] + fired["1"], comparisons=T * cells["1"]),
        "2": operations(ac=mean(2)),
        "3": operations(ac=T * cells["3"] + fired["3"], comparisons=T * cells["3"], shifts=T * cells["3"]),
        "4": operations(ac=mean(4)),
        "5": operations(ac=T * cells["5"] + fired["5"], comparisons=T * cells["5"], shifts=T * cells["5"]),
        "7": operations(ac=5 * fired["5"]),
        "sum of 7": operations(ac=(T - 1) * 5, shifts=T * 5),
    }
    assert found.keys() == wanted.keys()
    for layer, row in wanted.items():
        assert found[layer] == pytest.approx(row), layer
    assert spent.spikes == pytest.approx(sum(fired.values()) / sum(cells.values()))
    assert source.spikes == 0
    for kind in operations():
        assert spent.total(kind) == pytest.approx(sum(row[kind] for row in wanted.values()))


class Between(nn.Module):
    """A layer of spikes, some call, and a linear layer of five outputs (or a convolution of four)."""

    def __init__(self, call, size: int, convolve: bool = False) -> None:
        super().__init__()
        self.first, self.spikes, self.second = nn.Conv2d(1, 2, 1), QCFS(3), nn.Conv2d(1, 2, 1)
        self.other, self.call = QCFS(3), call
        self.last = nn.Conv2d(size, 4, 3) if convolve else nn.Linear(size, 5)

    def forward(self, images: Tensor) -> Tensor:
        return self.last(self.call(self.spikes(self.first(images)), self.other(self.second(images))))


class Pooled(nn.Module):
    def __init__(self, pool: nn.Module) -> None:
        super().__init__()
        self.pool = pool

    def forward(self, spikes: Tensor, other: Tensor) -> Tensor:
        return self.pool(spikes).flatten(1)


def windows(side: int, kernel: int, stride: int, padding: int, up: bool) -> list[int]:
    """How many windows of a pool see each place of a side."""
    out = (side + 2 * padding - kernel + (stride - 1 if up else 0)) // stride + 1
    if up and (out - 1) * stride >= side + padding:
        out -= 1
    return [sum(0 <= place - (window * stride - padding) < kernel for window in range(out)) for place in range(side)]


AVERAGES = [
    (2, 2, 0, False),
    (2, 2, 0, True),
    (3, 2, 1, False),
    (3, 2, 1, True),
    (2, 3, 0, False),
    (3, 1, 0, False),
]


@pytest.mark.parametrize("written", ["module", "function", "rows"])
@pytest.mark.parametrize(("kernel", "stride", "padding", "up"), AVERAGES)
def test_a_pool_hands_every_spike_to_all_its_windows(
    kernel: int, stride: int, padding: int, up: bool, written: str
) -> None:
    """7 x 5 places: windows at the edges are smaller, overlap, or leave places out."""
    calls = {
        "module": Pooled(nn.AvgPool2d(kernel, stride, padding, ceil_mode=up, count_include_pad=False)),
        "function": lambda s, _: F.avg_pool2d(s, kernel, stride, padding, up).flatten(1),
        "rows": lambda s, _: F.avg_pool1d(s.flatten(1, 2), kernel, stride, padding, ceil_mode=up).flatten(1),
    }
    size = calls[written](torch.zeros(1, 2, 7, 5), None).shape[1]
    model = randomise(Between(calls[written], size), seed=1)
    images = draw_images(IMAGES, 1, 7, 5)
    spiking = convert(model, images=images)
    down, across = (windows(side, kernel, stride, padding, up) for side in (7, 5))
    if written == "rows":
        down = [1] * 7
    spikes = spikes_of(spiking, images)["spikes"]
    expected = np.einsum("bcyx,y,x->", spikes, down, across) / IMAGES * 5
    assert rows_of(count_operations(spiking, images)[1])["last"]["accumulates"] == pytest.approx(expected)
    assert expected > 0


@pytest.mark.parametrize("size", [1, 2, (3, 4), (7, 5)])
def test_an_adaptive_pool_hands_every_spike_to_all_its_windows(size: int | tuple[int, int]) -> None:
    rows, columns = size if isinstance(size, tuple) else (size, size)
    model = randomise(Between(lambda s, _: F.adaptive_avg_pool2d(s, size).flatten(1), 2 * rows * columns), seed=1)
    images = draw_images(IMAGES, 1, 7, 5)
    spiking = convert(model, images=images)

    def seen(side: int, parts: int) -> list[int]:
        bounds = [(i * side // parts, -(-(i + 1) * side // parts)) for i in range(parts)]
        return [sum(begin <= place < end for begin, end in bounds) for place in range(side)]

    spikes = spikes_of(spiking, images)["spikes"]
    expected = np.einsum("bcyx,y,x->", spikes, seen(7, rows), seen(5, columns)) / IMAGES * 5
    assert rows_of(count_operations(spiking, images)[1])["last"]["accumulates"] == pytest.approx(expected)


CALLS = {
    "sum": (lambda s, o: (s + o).flatten(1), 24, lambda s, o: s.sum() + o.sum()),
    "cat": (lambda s, o: torch.cat([s, o], dim=1).flatten(1), 48, lambda s, o: s.sum() + o.sum()),
    "view": (lambda s, o: s.view(s.size(0), -1), 24, lambda s, o: s.sum()),
    "shape": (lambda s, o: s.reshape(s.shape[0], 24), 24, lambda s, o: s.sum()),
    "mean": (lambda s, o: s.mean((2, 3)), 2, lambda s, o: s.sum()),
    "pick": (lambda s, o: s[:, 1].flatten(1), 12, lambda s, o: s[:, 1].sum()),
    "chunk": (lambda s, o: torch.chunk(s, 2, dim=1)[1].flatten(1), 12, lambda s, o: s[:, 1].sum()),
    "dropout": (lambda s, o: F.dropout(s.flatten(1), 0.5, training=False), 24, lambda s, o: s.sum()),
}


@pytest.mark.parametrize("how", ["exact", "planes", "immediate", "rate"])
@pytest.mark.parametrize("name", CALLS)
def test_what_moves_spikes_hands_each_of_them_on(name: str, how: str) -> None:
    call, size, arriving = CALLS[name]
    model = randomise(Between(call, size), seed=1)
    convert_so = {
        "exact": lambda model: convert(model, images=images),
        "planes": lambda model: convert(model, images=images, planes=2),
        "immediate": lambda model: convert(model, images=images, postponed=False),
        "rate": lambda model: convert_rate(model, 9, images=images),
    }
    images = draw_images(IMAGES, 1, 4, 3)
    spiking = convert_so[how](model)
    source, spent = count_operations(spiking, images)
    spikes = spikes_of(spiking, images)
    expected = 5 * arriving(spikes["spikes"], spikes["other"]) / IMAGES
    assert rows_of(spent)["last"] == pytest.approx(operations(ac=expected))
    assert rows_of(source)["last"] == operations(5 * size)
    assert expected > 0
    # Both neurons see the image itself: what is summed and shifted are the five outputs.
    T = spiking.timesteps
    assert rows_of(spent)["sum of last"] == operations(ac=5 * (T - 1), shifts=5 * T * (how != "rate"))
    assert spent.total("shifts") == 5 * T * (how != "rate")


def test_a_difference_of_immediate_spikes_adds_both() -> None:
    model = randomise(Between(lambda s, o: (s - o).flatten(1), 24), seed=1)
    images = draw_images(IMAGES, 1, 4, 3)
    spiking = convert(model, images=images, postponed=False)
    spikes = spikes_of(spiking, images)
    expected = 5 * (spikes["spikes"].sum() + spikes["other"].sum()) / IMAGES
    assert rows_of(count_operations(spiking, images)[1])["last"]["accumulates"] == pytest.approx(expected)


def test_a_sum_before_a_convolution() -> None:
    model = randomise(Between(lambda s, o: s + o, 2, convolve=True), seed=1)
    images = draw_images(IMAGES, 1, 5, 6)
    spiking = convert(model, images=images)
    spikes = spikes_of(spiking, images)
    expected = sum(convolved(one + other, (2, 5, 6), model.last) for one, other in zip(*spikes.values(), strict=True))
    assert rows_of(count_operations(spiking, images)[1])["last"]["accumulates"] == pytest.approx(expected / IMAGES)


def candidates_compared(train: np.ndarray, kernel: int, stride: int, padding: int) -> tuple[int, int]:
    """Looks at candidates in the windows of one map, bits [time, height, width], and places of windows but one each."""
    _, height, width = train.shape
    rows, columns = ((side + 2 * padding - kernel) // stride + 1 for side in (height, width))
    looks = others = 0
    for row, column in itertools.product(range(rows), range(columns)):
        ys, xs = (range(max(0, at), at + kernel) for at in (row * stride - padding, column * stride - padding))
        left = [(y, x) for y in ys for x in xs if y < height and x < width]
        others += len(left) - 1
        for plane in train:
            looks += len(left)
            left = [place for place in left if plane[place]] or left
    return looks, others


@pytest.mark.parametrize("written", ["module", "function"])
@pytest.mark.parametrize(("kernel", "stride", "padding"), [(2, 2, 0), (3, 2, 1), (3, 1, 0)])
def test_a_max_pool_of_spikes_looks_at_the_candidates_left(
    kernel: int, stride: int, padding: int, written: str
) -> None:
    pool = nn.MaxPool2d(kernel, stride, padding)
    if written == "function":
        pool = Pooled(lambda s: F.max_pool2d(s, kernel, stride, padding))
    else:
        pool = Pooled(pool)
    side = (7 + 2 * padding - kernel) // stride + 1
    model = randomise(Between(pool, 2 * side**2), seed=1)
    images = draw_images(IMAGES, 1, 7, 7)
    spiking = convert(model, images=images)
    bits = spiking.record(images)[1]["spikes"].numpy()
    counted = [candidates_compared(bits[:, i, c], kernel, stride, padding) for i in range(IMAGES) for c in range(2)]
    looks, others = np.sum(counted, axis=0) / IMAGES
    source, spent = (rows_of(count) for count in count_operations(spiking, images))
    name = next(row for row in spent if "pool" in row)
    assert spent[name] == pytest.approx(operations(comparisons=looks))
    assert source[name] == pytest.approx(operations(comparisons=others))
    assert others < looks < 3 * (others + 2 * side**2)
    largest = F.max_pool2d(
        torch.from_numpy(2.0 ** np.arange(3)[::-1].copy() @ bits.reshape(3, -1)).view(-1, 2, 7, 7),
        kernel,
        stride,
        padding,
    )
    ones = sum(((largest // 2**t) % 2).sum().item() for t in range(3))
    assert spent["last"]["accumulates"] == pytest.approx(5 * ones / IMAGES)


@pytest.mark.parametrize("pool", [F.avg_pool2d, F.max_pool2d])
def test_windows_of_the_size_of_the_image_are_counted(pool) -> None:
    """akamaster/pytorch_resnet_cifar10 averages so: F.avg_pool2d(out, out.size()[3])."""
    images, counts = draw_images(IMAGES, 1, 6, 6), []
    for call in (lambda s, o: pool(s, s.size(3)).flatten(1), lambda s, o: pool(s, 6).flatten(1)):
        model = randomise(Between(call, 2), seed=1)
        counts.append(count_operations(convert(model, images=images), images))
    assert counts[0].source.to_dict() == counts[1].source.to_dict()
    if pool is F.avg_pool2d:
        assert counts[0].spiking.total("accumulates") == counts[1].spiking.total("accumulates")


def test_a_max_pool_of_sums_compares_values_in_both_networks() -> None:
    model = randomise(Between(lambda s, o: F.max_pool2d(s + o, 3, 3).flatten(1), 2 * 4), seed=1)
    images = draw_images(IMAGES, 1, 6, 6)
    source, spent = (rows_of(count) for count in count_operations(convert(model, images=images), images))
    assert source["max_pool2d"] == spent["max_pool2d"] == operations(comparisons=2 * 4 * 8)
    assert spent["last"] == operations(5 * 8)


def test_values_between_spikes_multiply() -> None:
    """A norm, a softmax product, and a linear layer fed by currents work on sums: once an image, not once a step."""

    class Island(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.spikes, self.twice = nn.Linear(4, 6), QCFS(3), nn.Linear(6, 6)
            self.again, self.norm, self.last = nn.Linear(6, 6), nn.LayerNorm(6), nn.Linear(6, 2)

        def forward(self, tokens: Tensor) -> Tensor:
            current = self.again(self.twice(self.spikes(self.first(tokens))))
            return self.last(self.norm(torch.matmul(torch.softmax(current, -1), current.transpose(1, 2)) @ current))

    model = randomise(Island())
    images = draw_images(IMAGES, 5, 4)
    spiking = convert(model, images=images)
    source, spent = count_operations(spiking, images)
    ones = spikes_of(spiking, images)["spikes"].sum() / IMAGES
    found = rows_of(spent)
    assert found["twice"] == pytest.approx(operations(ac=6 * ones))
    assert found["again"] == operations(5 * 36)
    assert found["matmul"] == operations(5 * 5 * 6)
    assert found["matmul_1"] == operations(5 * 5 * 6)
    assert found["last"] == operations(5 * 12)
    for name in ("again", "matmul", "matmul_1", "last"):
        assert rows_of(source)[name] == found[name]


def test_rates_shift_nothing() -> None:
    model = plain(3)
    images = draw_images(IMAGES, 1, 4, 4)
    spent = count_operations(convert_rate(model, 5), images)[1]
    assert spent.total("shifts") == 0
    assert spent.total("comparisons") == 3 * 48 * 5
    # Every neuron adds at each of the 5 steps, in the first layer shares of one value; a spike is a reset.
    rows = [row for row in rows_of(spent).values() if row["comparisons"]]
    assert len(rows) == 3
    assert sum(row["accumulates"] for row in rows) == pytest.approx(3 * 48 * 5 + spent.spikes * 3 * 48)


def test_two_counts_are_short_to_read() -> None:
    model = plain(3)
    counts = count_operations(convert(model), draw_images(IMAGES, 1, 4, 4))
    source, spiking = counts
    assert (counts.source, counts.spiking, counts[0]) == (source, spiking, source)
    assert len(repr(counts).splitlines()) == len(repr(source).splitlines()) == 1
    assert str(spiking) in repr(counts)
    assert len(repr(counts)) < 500
    assert counts.frame["spiking"].to_dict() == spiking.to_dict()
    assert "accumulates" in counts._repr_html_()


def test_energies_by_hand() -> None:
    model = plain(3)
    source, spent = count_operations(convert(model), draw_images(IMAGES, 1, 4, 4))
    mac, ac, shift, compare = (
        spent.total(name) for name in ("multiply_accumulates", "accumulates", "shifts", "comparisons")
    )
    assert min(mac, ac, shift, compare) > 0
    assert spent.energy() == pytest.approx(4.6 * mac + 0.9 * ac)
    assert spent.energy("int32") == pytest.approx((3.1 + 0.1) * mac + 0.1 * ac + 0.13 * shift + 0.08 * compare)
    assert spent.energy("int8") == pytest.approx((0.2 + 0.03) * mac + 0.03 * ac + 0.024 * shift + 0.03 * compare)
    assert source.energy() == pytest.approx(4.6 * source.total("multiply_accumulates"))
    told = spent.to_dict()
    assert {name: told[f"energy_{name}"] for name in ENERGY_MODELS} == {n: spent.energy(n) for n in ENERGY_MODELS}
    assert str(spent).startswith(f"per image: {told['multiply_accumulates']:,.0f} multiply-accumulates, ")
    assert f", {spent.energy() / 1e3:,.1f} nJ (mac-ac), " in str(spent)
    assert all(layer.layer in spent._repr_html_() for layer in spent.layers)


def test_mistakes_are_named() -> None:
    spiking = convert(plain(3))
    images = draw_images(2, 1, 4, 4)
    with pytest.raises(ConfigError, match="batch_size: got 0, expected a whole number of at least 1"):
        count_operations(spiking, images, batch_size=0)
    with pytest.raises(ConfigError, match=r"data: got shape .*, expected at least one image"):
        count_operations(spiking, images[:0])
    with pytest.raises(ConfigError, match="data: got list, expected images"):
        count_operations(spiking, [1.0])
    with pytest.raises(ConfigError, match="spiking: got 'Sequential', expected a network that convert made"):
        count_operations(torch.nn.Sequential(), images)
    with pytest.raises(ValueError, match="images: got NaN or infinite values"):
        count_operations(spiking, images * torch.nan)
    spent = count_operations(spiking, images)[1]
    with pytest.raises(ConfigError, match="model: got 'fp64', expected one of mac-ac, int32, int8"):
        spent.energy("fp64")
    with pytest.raises(ConfigError, match="operation: got 'macs', expected one of multiply_accumulates, accumulates"):
        spent.total("macs")
