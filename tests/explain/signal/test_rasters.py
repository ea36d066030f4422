"""Rasters and traces: each spike where it is, in its colour, above its threshold."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

import sqnn
from sqnn.explain.recording import LayerRecord, SpikeRecord
from sqnn.explain.signal import raster, traces
from sqnn.neurons import LIF


def spikes_of(seed: int, *shape: int) -> torch.Tensor:
    return (torch.rand(shape, generator=torch.Generator().manual_seed(seed)) < 0.3).float()


def test_a_raster_has_each_spike_of_the_image_in_its_colour() -> None:
    layers = {"first": spikes_of(0, 5, 3, 2, 4), "second": spikes_of(1, 5, 3, 6)}
    values = {"second": torch.randn(5, 3, 6, generator=torch.Generator().manual_seed(2))}
    made = raster(layers, 1, values=values)
    expected = []
    for name, spikes in layers.items():
        trains = spikes[:, 1].flatten(1)
        for step in range(5):
            for neuron in range(trains.shape[1]):
                if trains[step, neuron]:
                    value = float(values[name][step, 1, neuron]) if name in values else 0.0
                    expected.append((name, neuron, step, pytest.approx(value)))
    assert list(made.frame.itertuples(index=False, name=None)) == expected
    assert made.sizes == (8, 6)
    # The second layer stands above the first.
    heights = [float(line[0, 1]) for line in made.plot().axes[0].collections[0].get_segments()]
    first = int((made.numbers == 0).sum())
    assert max(heights[:first]) < 8 <= min(heights[first:])


def test_an_attribution_colours_the_spikes_of_its_layer() -> None:
    spikes = spikes_of(5, 4, 3, 2, 2)
    values = torch.randn(3, 4, 2, 2, generator=torch.Generator().manual_seed(6))
    found = SimpleNamespace(values=values, axes=("image", "timestep", "channel", "row"), at="a")
    frame = raster({"a": spikes, "b": spikes}, 2, values=found).frame
    expected = values[2][spikes[:, 2] != 0].tolist()
    assert list(frame[frame.layer == "a"].value) == pytest.approx(expected)
    assert set(frame[frame.layer == "b"].value) == {0}
    found.axes = ("image", "angle")
    with pytest.raises(sqnn.core.ConfigError, match="values: got an attribution at 'a' without time steps, expected"):
        raster({"a": spikes}, values=found)


def test_steps_keep_their_numbers_in_a_window() -> None:
    spikes = spikes_of(3, 8, 2, 5)
    whole = SpikeRecord({"a": LayerRecord("a", spikes)}, torch.zeros(2, 1), torch.zeros(2, 3))
    part = whole.select(window=(3, 6))
    frame = whole.raster().frame
    kept = frame[frame.step.between(3, 5)].reset_index(drop=True)
    assert part.raster().frame.equals(kept)
    assert part.psth("all").edges == (3, 4, 5, 6)
    from sqnn.explain.signal import first_spikes, phase_locking, spike_windows

    first = first_spikes(part["a"]).steps
    assert float(first[first.isfinite()].min()) >= 3
    assert spike_windows(part["a"], windows=[(4, 6)]).counts.sum() == spikes[4:6].sum()
    alone = torch.zeros_like(spikes)
    alone[3:6] = spikes[3:6]
    torch.testing.assert_close(phase_locking(part["a"], 5).phases, phase_locking(alone, 5).phases, equal_nan=True)


@pytest.mark.parametrize("reset", ["subtract", "zero", "none"])
def test_traces_exceed_their_threshold_where_and_only_where_neurons_fire(reset: str) -> None:
    neuron = LIF(0.8, torch.tensor([0.5, 1.0, 2.0]), reset)
    currents = torch.randn(6, 4, 3, 2, generator=torch.Generator().manual_seed(4)) + 0.4
    spikes, membranes = neuron(currents, return_membrane=True)
    thresholds = neuron.threshold.view(3, 1)
    made = traces(LayerRecord("0", spikes, membranes, threshold=thresholds), [0, 3, (2, 1)], 2)
    assert made.spikes.any()
    assert torch.equal(made.membranes > made.threshold, made.spikes)
    assert made.threshold[0].tolist() == [0.5, 1.0, 2.0]
    assert made.membranes[:, 2].tolist() == pytest.approx(membranes[:, 2, 2, 1].tolist())
    assert set(made.frame[made.frame.fired].eval("membrane > threshold")) == {True}


def test_a_recording_has_the_measures_as_methods() -> None:
    data = sqnn.load_data("digits")
    model = sqnn.create_model("sqdr-cnn", data=data, seed=1)
    images, labels = data.test.images[:8] / 255, data.test.labels[:8]
    record = sqnn.record(model, images, labels)
    (last,) = list(record.layers)[-1:]
    assert len(record.raster(3).frame) == int(sum((layer.spikes[:, 3] != 0).sum() for layer in record.layers.values()))
    assert len(record.raster(3, layer=last).frame) == int(record[last].spikes[:, 3].sum())
    assert torch.equal(record.traces([0], 2).spikes[:, 0], record[last].spikes[:, 2].flatten(1)[:, 0] != 0)
    assert record.psth().groups == tuple(sorted(set(labels.tolist())))
    assert record.synchrony(measure="correlation").matrix.shape[0] == record[last].spikes[0, 0].numel()
    assert len(record.embed("images").points) == 8
    head = record.head
    assert head is not None
    assert head.bloch is not None
    torch.testing.assert_close(record.bloch(5).vectors, head.bloch[:, 5])


def test_a_recording_without_spikes_or_circuit_says_so() -> None:
    empty = SpikeRecord({}, torch.zeros(2, 1), torch.zeros(2, 3))
    for call, message in (
        (empty.psth, "layer: got a network without spiking neurons"),
        (empty.raster, "layers: got a recording without layers"),
        (empty.bloch, "head: got a network without a circuit"),
        (lambda: empty.traces(layer="a"), "layer: got 'a', expected none: the network has no spiking neurons"),
    ):
        with pytest.raises(sqnn.core.ConfigError, match=message):
            call()
