"""The table of the conversion benchmark: who is in it, what its ratios and its memory are, and that all agree."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Mapping, Sequence

import pytest
import torch
from torch import Tensor, nn
from torch.testing import assert_close

from sqnn.bench import Row, peaks_mib
from sqnn.bench.conversion import (
    EXACT,
    LAYERS,
    OURS,
    RATE_STEPS,
    SOURCE,
    TWIN,
    ConversionBenchmark,
    Converter,
    forward_of,
    installed_converters,
    largest_layer_mib,
)
from sqnn.bench.peers import Run
from sqnn.conversion import convert
from sqnn.neurons import QCFS


class NoMemory(ConversionBenchmark):
    """A benchmark that measures no memory: the number of each network, from 1."""

    def peaks(self, questions: Sequence[str]) -> list[float | None]:
        return [float(number) for number, _ in enumerate(questions, 1)]


SMALL = NoMemory(data_shape="3x8x8", batch=4, timesteps=3, width_multiplier=0.125, budget=1e-9)


class Converted:
    """A stand-in for a peer: the ReLU network itself, T times; it keeps what it was given."""

    def __init__(self) -> None:
        self.given: list[tuple[nn.Module, Tensor, int]] = []

    def __call__(self, model: nn.Module, images: Tensor, timesteps: int) -> Run:
        self.given.append((model, images, timesteps))
        return lambda batch: sum((model(batch) for _ in range(timesteps)), torch.zeros(()))


def measured(benchmark: ConversionBenchmark, converters: Mapping[str, Converter] | None) -> list[Row]:
    """The rows of the one cell, with the columns that name it."""
    (cell,) = benchmark.cells(converters)
    return [{**cell.key, **row} for row in cell.measure()]


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    return measured(SMALL, {"other": Converted()})


def test_all_take_part_in_one_run(rows) -> None:
    assert [row["name"] for row in rows] == [*OURS, "other"]
    assert {(row["inputs"], row["timesteps"], row["against"], row["note"]) for row in rows} == {
        ("4x3x8x8", 3, SOURCE, "")
    }


def test_a_ratio_is_that_of_the_two_times(rows) -> None:
    for row in rows:
        assert row["milliseconds"] > 0
        assert row["ratio"] == pytest.approx(row["milliseconds"] / rows[0]["milliseconds"], rel=1e-12)
    assert rows[0]["ratio"] == 1


def test_the_bound_is_the_memory_of_the_source_and_of_the_largest_layers_spikes(rows) -> None:
    layer = 4 * 2 * 8 * 8 * 4 / 2**20  # batch x channels x height x width x bytes of a number
    for number, (row, spikes) in enumerate(zip(rows, [0, 0, 0, 1, 1, 1, 1, 1], strict=True), 1):
        assert row["spikes_mib"] == pytest.approx(spikes * layer)
        assert row["peak_mib"] == number
        assert row["bound_mib"] == pytest.approx(1 + spikes * layer)


def test_exact_conversions_change_no_prediction(rows) -> None:
    assert EXACT.issubset(row["name"] for row in rows)
    assert [row["changed"] for row in rows if row["name"] in EXACT | {SOURCE}] == [0, 0, 0, 0]


def test_a_peer_is_compared_with_the_network_that_it_converts() -> None:
    """The stand-in says what the twin says, whose predictions on this batch are not all the source's."""
    setting = dataclasses.replace(SMALL, batch=64)
    rows = measured(setting, {"other": Converted()})
    changed = {row["name"]: row["changed"] for row in rows}
    assert changed["other"] == 0
    assert changed[TWIN] > 0


@pytest.mark.parametrize("model", ["resnet20", "vgg11", "mobilenetv2"])
def test_exact_conversions_give_the_sources_outputs(model: str) -> None:
    setting = ConversionBenchmark(model=model, data_shape="3x8x8", batch=4, width_multiplier=0.125)
    source, twin = (network.double() for network in setting.sources())
    images = setting.images(7).double()
    expected = source(images)
    for name in EXACT:
        assert_close(forward_of(name, setting, source, twin, {}).run(images), expected, atol=1e-12, rtol=1e-10)
    assert not torch.allclose(twin(images), expected), "levels make no difference, so that nothing was compared"


def test_rates_agree_in_both_orders_and_differ_from_the_source() -> None:
    source, twin = (network.double() for network in SMALL.sources())
    images = SMALL.images().double()
    layers, steps = (forward_of(name, SMALL, source, twin, {}).run(images) for name in OURS[-2:])
    assert_close(layers, steps, atol=1e-12, rtol=1e-10)
    assert not torch.allclose(layers, source(images))


def test_the_twin_has_the_sources_weights_and_norms() -> None:
    source, twin = SMALL.sources()
    theirs = twin.state_dict()
    thresholds = {name for name, module in source.named_modules() if isinstance(module, QCFS)}
    for name, value in source.state_dict().items():
        assert name.rpartition(".")[0] in thresholds or torch.equal(theirs[name], value)
    assert len(theirs) + len(thresholds) == len(source.state_dict())
    assert any(value.abs().min() > 0 for name, value in theirs.items() if name.endswith("running_mean"))


def test_a_peer_converts_the_twin_for_as_many_steps(rows) -> None:
    peer = Converted()
    measured(SMALL, {"other": peer})
    ((model, images, timesteps),) = peer.given
    _, twin = SMALL.sources()
    assert torch.equal(model(images), twin(images))
    assert timesteps == SMALL.timesteps


def test_peers_that_are_not_there_are_left_out(monkeypatch) -> None:
    monkeypatch.setattr("sqnn.bench.peers.peer.find_spec", lambda name: None)
    unmeasured = ConversionBenchmark(**{**SMALL.to_dict(), "memory": False})
    rows = measured(unmeasured, None)
    assert [row["name"] for row in rows] == list(OURS)
    assert all((row["peak_mib"], row["bound_mib"]) == (None, None) for row in rows)


def test_an_order_that_a_network_has_not_is_a_note() -> None:
    """Attention multiplies sums over time, for which a network that goes step by step cannot wait."""
    setting = NoMemory(model="vit", data_shape="3x8x8", batch=2, width_multiplier=0.25, budget=1e-9)
    rows = {row["name"]: row for row in measured(setting, {})}
    assert "needs the sum over all time steps" in rows[RATE_STEPS]["note"]
    optional = {"milliseconds", "ratio", "changed", "peak_mib", "spikes_mib"}
    assert optional.isdisjoint(rows[RATE_STEPS])
    assert all(row["note"] == "" and optional <= row.keys() for name, row in rows.items() if name != RATE_STEPS)


def test_a_network_that_is_no_source_is_refused() -> None:
    with pytest.raises(ValueError, match=r"model: got 'has8-vgg', expected one of vgg11, .*vit"):
        ConversionBenchmark(model="has8-vgg")
    with pytest.raises(ValueError, match="batch: got 1, expected a whole number of at least 2"):
        ConversionBenchmark(batch=1)


def test_neurons_keep_the_layout_of_memory() -> None:
    """A train in another layout than the next convolution's would be copied, as large as it is."""
    wide = dataclasses.replace(SMALL, width_multiplier=0.5)
    source, _ = wide.sources()
    spiking = convert(source)
    neurons = {str(node.target) for node in spiking.spiking.graph.nodes if node.name in spiking.sites}
    layouts = []
    hooks = [
        spiking.spiking.get_submodule(name).register_forward_hook(
            lambda _, given, train: layouts.append(train.is_contiguous(memory_format=torch.channels_last))
        )
        for name in neurons
    ]
    spiking.record(wide.images())
    for hook in hooks:
        hook.remove()
    assert layouts == [True] * len(neurons)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_steps_take_no_memory_beyond_the_sources_and_the_spikes() -> None:
    once = ConversionBenchmark(batch=32, width_multiplier=0.5)
    twice = ConversionBenchmark(batch=64, width_multiplier=0.5)
    small, absent = peaks_mib(once, [LAYERS, "absent"])
    source, large = peaks_mib(twice, [SOURCE, LAYERS])
    assert absent is None
    assert large == pytest.approx(2 * small, rel=0.3)
    assert large <= source + largest_layer_mib(twice.sources()[0], twice)


@pytest.mark.skipif(not installed_converters(), reason="make peers has not installed it here")
@pytest.mark.filterwarnings("ignore")
def test_spikingjelly_takes_part_and_approaches_the_twin() -> None:
    """Its rates average to the ReLU network's outputs as the steps grow, and a second batch starts afresh."""
    source, twin = SMALL.sources()
    images = SMALL.images()
    expected = twin(images)
    errors = []
    for timesteps in (16, 256):
        setting = dataclasses.replace(SMALL, timesteps=timesteps)
        (peer,) = installed_converters()
        run = forward_of(peer, setting, source, twin, installed_converters()).run
        outputs = run(images)
        assert torch.equal(outputs, run(images))
        errors.append(float((outputs / timesteps - expected).detach().abs().mean()))
    assert errors[1] < errors[0] / 2
