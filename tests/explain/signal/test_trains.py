"""What every measure does with bad, silent and smallest input."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from sqnn.core import ConfigError
from sqnn.explain import signal
from sqnn.explain.recording import LayerRecord
from sqnn.explain.signal import Signal

LABELS = torch.tensor([0, 1, 0, 1, 2])

MEASURES: dict[str, Callable[[Any], Signal]] = {
    "raster": lambda layer: signal.raster(layer, 4),
    "psth": lambda layer: signal.psth(layer, LABELS),
    "first_spikes": lambda layer: signal.first_spikes(layer, LABELS),
    "spike_intervals": lambda layer: signal.spike_intervals(layer, LABELS),
    "neural_codes": lambda layer: signal.neural_codes(layer, LABELS, shuffles=2),
    "spike_windows": lambda layer: signal.spike_windows(layer, LABELS, width=1, shuffles=2),
    "synchrony": lambda layer: signal.synchrony(layer),
    "correlation": lambda layer: signal.synchrony(layer, measure="correlation"),
    "spectrum": lambda layer: signal.spectrum(layer),
    "phase_locking": lambda layer: signal.phase_locking(layer, period=4),
    "spike_motifs": lambda layer: signal.spike_motifs(layer, length=1, shuffles=2),
    "spike_distances": lambda layer: signal.spike_distances(layer),
    "distances of images": lambda layer: signal.spike_distances(layer, between="images", measure="van-rossum"),
    "find_assemblies": lambda layer: signal.find_assemblies(layer, shuffles=2),
    "embed": lambda layer: signal.embed(layer, LABELS, groups=2),
}


def some(steps: int = 6) -> Tensor:
    return (torch.rand(steps, 5, 2, 3, generator=torch.Generator().manual_seed(0)) < 0.4).float()


@pytest.mark.parametrize("name", MEASURES)
@pytest.mark.parametrize("kind", ["active", "silent", "one step"])
def test_every_measure_has_a_table_a_picture_and_plain_values(name: str, kind: str) -> None:
    spikes = some(1) if kind == "one step" else some() * (kind == "active")
    made = MEASURES[name](spikes)
    columns = made.frame.columns
    assert len(columns) >= 2
    assert all(str(column) in made._repr_html_() for column in columns)
    assert repr(made).startswith(f"{type(made).__name__}(")
    assert not any(isinstance(value, Tensor) for value in made.to_dict().values())
    assert made.plot(title="here").axes[0].get_title() == "here"


@pytest.mark.parametrize("name", MEASURES)
def test_a_layer_of_a_recording_serves_as_its_spikes_do(name: str) -> None:
    made, of_tensor = MEASURES[name](LayerRecord("a", some())), MEASURES[name](some())
    assert repr(made.to_dict()) == repr(of_tensor.to_dict())


@pytest.mark.parametrize("name", MEASURES)
@pytest.mark.parametrize(
    ("layer", "message"),
    [
        ("encoder", r"layer: got str, expected a layer of a recording"),
        (torch.zeros(4, 5), r"layer: got spikes of shape \[4, 5\], expected \[time, batch, \*neurons\]"),
        (torch.zeros(4, 5, 0), r"layer: got spikes of shape \[4, 5, 0\], expected"),
        (torch.full((4, 5, 2), torch.nan), r"layer: got spikes with values that are not finite"),
    ],
)
def test_what_is_no_layer_is_one_clear_error(name: str, layer: object, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as raised:
        MEASURES[name](layer)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda s: signal.psth(s), "labels: got None, expected one per image"),
        (lambda s: signal.psth(s, [0, 1]), r"labels: got torch.int64 of shape \[2\], expected whole numbers of shape"),
        (lambda s: signal.psth(s, torch.rand(5)), "labels: got torch.float32 of shape"),
        (lambda s: signal.psth(s, by="layer"), "by: got 'layer', expected one of class, neuron, all"),
        (lambda s: signal.psth(s, by="all", width=7), "width: got 7, expected 1 to 6 steps"),
        (lambda s: signal.raster(s, 5), "image: got 5, expected 0 to 4"),
        (lambda s: signal.raster({}), "layers: got a recording without layers"),
        (lambda s: signal.raster({"a": s, "b": s[:3]}), r"layers: got different numbers of steps \(a 6, b 3\)"),
        (lambda s: signal.raster(s, values=s[0]), r"values: got shape \[5, 2, 3\], expected \[6, 5, 2, 3\]"),
        (
            lambda s: signal.raster({"a": s, "b": s}, values=s),
            "values: got one tensor for 2 layers, expected a mapping",
        ),
        (lambda s: signal.raster({"a": s}, values={"b": s}), "values: got b, expected layers among a"),
        (lambda s: signal.traces(LayerRecord("a", s)), "layer: got one without membranes, expected"),
        (lambda s: signal.synchrony(s, [6]), r"neurons: got 6, expected 0 to 5, or coordinates within \[2, 3\]"),
        (lambda s: signal.synchrony(s, [(0, 3)]), r"neurons: got \(0, 3\), expected 0 to 5"),
        (lambda s: signal.synchrony(s, []), r"neurons: got \[\], expected indices"),
        (lambda s: signal.synchrony(s, measure="phase"), "measure: got 'phase', expected one of spike-synchronization"),
        (lambda s: signal.synchrony(torch.zeros(2, 1, 2001)), r"neurons: got 2,001, expected at most 2,000; choose"),
        (lambda s: signal.phase_locking(s, 0.5), "period: got 0.5, expected a number of steps above 1"),
        (lambda s: signal.phase_locking(0 * s), "period: got None, expected a number of steps; the population's rate"),
        (lambda s: signal.spike_motifs(s, length=7), "length: got 7, expected at most 6"),
        (lambda s: signal.spike_motifs(s, range(6), length=11), "length: got 11, expected at most 6"),
        (lambda s: signal.spike_motifs(torch.zeros(60, 1, 2), [0, 1], length=40), "length: got 40 steps of 2 neurons"),
        (lambda s: signal.spike_motifs(s, null="phase"), "null: got 'phase', expected one of steps, shift, images"),
        (lambda s: signal.spike_distances(s, between="layers"), "between: got 'layers', expected one of neurons"),
        (lambda s: signal.spike_distances(s, between="images", image=1), "image: got 1, which has no effect"),
        (lambda s: signal.VictorPurpura(cost=-1.0), "cost: got -1.0, expected a number of at least 0"),
        (lambda s: signal.VanRossum(tau=0.0), "tau: got 0.0, expected a number above 0"),
        (lambda s: signal.find_assemblies(s, shuffles=0), "shuffles: got 0, expected a whole number"),
        (lambda s: signal.neural_codes(s, LABELS, shuffles=0), "shuffles: got 0, expected a whole number"),
        (lambda s: signal.spike_windows(s, windows=[(2, 7)]), r"windows: got \(2, 7\), expected \(first, end\) with 0"),
        (lambda s: signal.spike_windows(s).critical, "labels: got None, expected one per image"),
        (lambda s: signal.embed(s[:, :, 0], LABELS), "layer: got 3 neurons, expected at least 4 to map"),
        (lambda s: signal.embed(s, LABELS, groups=6), "groups: got 6, expected 1 to 5"),
        (lambda s: signal.embed(s, LABELS, method="umap"), "method: got 'umap', expected one of pca, tsne"),
        (lambda s: signal.bloch_spheres(s, 9), "image: got 9, expected 0 to 4"),
        (lambda s: signal.bloch_spheres(s[..., :2]), r"head: got shape \[6, 5, 2, 2\], expected \[n_blocks"),
        (lambda s: signal.bloch_spheres(None), "head: got NoneType, expected that of a circuit of blocks"),
        (lambda s: signal.most_active(s, 0), "number: got 0, expected a whole number of at least 1"),
    ],
)
def test_bad_arguments_are_one_clear_line(call: Callable[[Tensor], object], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as raised:
        call(some())
    assert "\n" not in str(raised.value)


def test_neurons_are_named_by_number_or_by_coordinates() -> None:
    spikes = some()
    by_number = signal.synchrony(spikes, [5, 1]).matrix
    torch.testing.assert_close(signal.synchrony(spikes, [(1, 2), (0, 1)]).matrix, by_number, equal_nan=True)
    torch.testing.assert_close(signal.synchrony(spikes, torch.tensor([5, 1])).matrix, by_number, equal_nan=True)
    assert signal.synchrony(spikes, 5).neurons == (5,)


def test_the_most_active_neurons_come_first() -> None:
    spikes = torch.zeros(4, 2, 3)
    spikes[:2, :, 2], spikes[0, 0, 0] = -7.0, 0.5  # a spike of any height is one spike
    assert signal.most_active(spikes, 2).tolist() == [2, 0]


def test_drawn_numbers_come_from_the_generator() -> None:
    def drawn(seed: int) -> str:
        generator = torch.Generator().manual_seed(seed)
        return repr(signal.spike_motifs(some(), shuffles=3, generator=generator).to_dict())

    before = torch.get_rng_state()
    assert drawn(1) == drawn(1) != drawn(2)
    assert torch.equal(torch.get_rng_state(), before)
