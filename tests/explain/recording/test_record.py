"""A record is what the network computed: its logits to the bit, its neurons by their own equations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from convertible import draw_images, plain
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.testing import assert_close

import sqnn
from sqnn.conversion import SpikingNetwork, convert, convert_rate
from sqnn.core import ConfigError
from sqnn.explain import activation_map, attribute, record, record_bytes, recorder, robustness_margins
from sqnn.metrics import predict_logits
from sqnn.models import logits_of
from sqnn.neurons import IF, LIF, make_neuron

DIGITS = sqnn.load_data("digits")
IMAGES = DIGITS.test.floats(slice(7))
SMALL: dict[str, dict[str, object]] = {
    "sqdr-cnn": {"n_qubits": 3, "channels": (3, 4), "readout": "spike", "neuron": "lif", "learn_beta": True},
    "sqdr-separable": {"n_qubits": 3, "channels": (3, 4)},
    "has8-vgg": {"width": 4, "hidden": (12,)},
    "has8-resnet": {"width": 4, "depth": 2},
    "snn-mlp": {"hidden": (12, 9), "recurrent": True},
    "snn-wta": {"neurons": 20},
    "serial-sqnn": {"n_qubits": 3, "channels": (3, 4)},
    "ppf-qsnn": {"n_qubits": 3, "channels": (3, 4)},
    "sqdr-twin": {"channels": (3, 4), "core": "mlp"},
    "snn-cnn": {"channels": (3, 4)},
}
LAYERS = {"sqdr-cnn": 3, "sqdr-separable": 3, "snn-mlp": 3, "snn-wta": 1}
"""Layers of neurons, counted in the sources."""


def lively(name: str, **options: object) -> nn.Module:
    """A network whose batch norms know the images, so that its neurons fire."""
    model = sqnn.create_model(name, DIGITS, **{**SMALL.get(name, {}), **options})
    draws = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for _ in range(12):
            model.train()(DIGITS.train.floats(slice(64)), draws)
    return model.eval()


@pytest.fixture(scope="module")
def networks() -> dict[str, nn.Module]:
    return {name: lively(name) for name in SMALL}


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("name", SMALL)
def test_logits_and_input_are_those_of_the_plain_forward_pass(networks: dict[str, nn.Module], name: str) -> None:
    model = networks[name]
    with torch.no_grad():
        plain_logits = logits_of(model, IMAGES, generator(5))
    found = record(model, IMAGES, generator=generator(5))
    assert torch.equal(found.logits, plain_logits)
    assert len(found.layers) == LAYERS.get(name, len(found.layers))
    assert sum(float(layer.spikes.sum()) for layer in found.layers.values()) > 0
    assert found.timesteps == model.config.timesteps
    if name not in ("snn-mlp", "snn-wta"):  # these draw the spikes of dark pixels never
        first = next(part for part in model.modules() if isinstance(part, sqnn.encoding.Encoder))
        assert torch.equal(found.input, first.encode(IMAGES, generator(5)))


@pytest.mark.parametrize("name", SMALL)
def test_batches_are_those_of_a_prediction(networks: dict[str, nn.Module], name: str) -> None:
    model = networks[name]
    found = record(model, IMAGES, batch_size=3)
    assert torch.equal(found.logits, predict_logits(model, IMAGES, 3))
    whole = record(model, IMAGES)
    assert list(found.layers) == list(whole.layers)
    assert all(layer.spikes.shape == whole[name].spikes.shape for name, layer in found.layers.items())
    if name not in ("snn-mlp", "snn-wta", "ppf-qsnn"):  # whose spikes are drawn anew in every call
        parts = [record(model, IMAGES[:3]), record(model, IMAGES[3:])]  # an image alone joins the batch before it
        for layer in found.layers.values():
            for field in ("spikes", "membranes", "currents"):
                assert torch.equal(vars(layer)[field], torch.cat([vars(part[layer.name])[field] for part in parts], 1))
        assert torch.equal(found.input, torch.cat([part.input for part in parts], 1))


@pytest.mark.parametrize("name", [name for name in SMALL if name != "snn-wta"])
def test_the_fields_of_a_layer_tell_its_whole_dynamics(networks: dict[str, nn.Module], name: str) -> None:
    layers = record(networks[name], IMAGES).layers
    assert len(layers) == LAYERS.get(name, len(layers)) > 0
    for layer in layers.values():
        v = torch.zeros_like(layer.currents[0]) + layer.initial_membrane * layer.threshold
        for current, membrane, spikes in zip(layer.currents, layer.membranes, layer.spikes, strict=True):
            u = layer.beta * v + current
            assert_close(membrane, u.expand_as(membrane))
            assert torch.equal(spikes, (membrane > layer.threshold).to(spikes))
            v = membrane - layer.threshold * spikes
        assert layer.reset == "subtract"


def test_competing_neurons_are_those_of_the_counts(networks: dict[str, nn.Module]) -> None:
    model = networks["snn-wta"]
    layer = record(model, IMAGES)["competition"]
    counts = layer.spikes.sum(0)
    assert torch.equal(model.labels(counts), record(model, IMAGES).logits)
    above = layer.membranes > layer.threshold
    assert bool((above | (layer.spikes == 0)).all())
    fell = layer.spikes.any(2)[:-1]  # after a spike the whole layer begins anew
    assert_close(layer.membranes[1:][fell], layer.currents[1:][fell])
    assert layer.reset == "all"


@pytest.mark.parametrize("name", ["if", "lif", "snntorch:Leaky", "snntorch:Synaptic", "snntorch:Alpha"])
@pytest.mark.parametrize("fused", [True, False])
def test_neurons_fire_where_the_recorded_membrane_exceeds_the_threshold(name: str, fused: bool) -> None:
    synapse = {"synapse": 0.95} if name in ("snntorch:Synaptic", "snntorch:Alpha") else {}
    neuron = make_neuron(name, threshold=0.05 if name == "snntorch:Alpha" else 0.7, **synapse)
    neuron.fused = fused
    weighted = nn.Linear(64, 6, bias=False)
    nn.init.uniform_(weighted.weight, -0.125, 0.125, generator=torch.Generator().manual_seed(0))
    network = nn.Sequential(nn.Flatten(1), weighted, Steps(neuron))
    found = record(network, IMAGES)
    (layer,) = found.layers.values()
    with torch.no_grad():
        assert torch.equal(found.logits, network(IMAGES))
    assert torch.equal(layer.spikes, (layer.membranes > layer.threshold).to(layer.spikes))
    assert 0 < float(layer.spikes.mean()) < 1


class Steps(nn.Module):
    """A constant current for six steps."""

    def __init__(self, neuron: nn.Module) -> None:
        super().__init__()
        self.neuron = neuron

    def forward(self, values: Tensor) -> Tensor:
        return self.neuron(values.expand(6, *values.shape)).sum(0)


@settings(max_examples=20)
@given(
    reset=st.sampled_from(["subtract", "zero", "none"]),
    beta=st.floats(0.1, 1.0),
    threshold=st.floats(0.1, 3.0),
    initial=st.floats(-1, 1),
    fused=st.booleans(),
    steps=st.integers(1, 6),
)
def test_any_neuron_is_recorded_as_it_steps(
    reset: str, beta: float, threshold: float, initial: float, fused: bool, steps: int
) -> None:
    neuron = LIF(beta, threshold, reset, initial_membrane=initial, fused=fused)
    currents = torch.randn(steps, 3, 4, generator=generator(), dtype=torch.float64)
    with torch.no_grad(), recorder(neuron) as seen:
        plain_spikes = neuron(currents)
    wanted, charged = neuron(currents, return_membrane=True)
    (layer,) = seen.layers.values()
    assert torch.equal(plain_spikes, wanted)
    for ours, theirs in ((layer.spikes, wanted), (layer.membranes, charged), (layer.currents, currents)):
        assert torch.equal(ours, theirs)
    assert (layer.reset, layer.beta, layer.threshold, layer.initial_membrane) == (reset, beta, threshold, initial)


def converted(kind: str) -> SpikingNetwork:
    images = draw_images(8, 1, 4, 4)
    if kind == "rate":
        return convert_rate(plain(), 6, images=images)
    return convert(plain(), images=images)


@pytest.mark.parametrize("kind", ["exact", "rate"])
def test_a_converted_network_is_recorded_by_its_activations(kind: str) -> None:
    model, images = converted(kind), draw_images(7, 1, 4, 4, seed=4)
    found = record(model, images)
    assert torch.equal(found.logits, model(images))
    _, trains = model.record(images)
    assert list(found.layers) == list(trains)
    for name, layer in found.layers.items():
        assert torch.equal(layer.spikes.bool(), trains[name])
        assert (layer.postponed, layer.reset) == (kind == "exact", "subtract")
        # A spike takes its threshold off the membrane; a membrane at the threshold fires.
        sure = (layer.membranes - layer.threshold).abs() > 1e-9
        assert torch.equal(layer.spikes.bool()[sure], (layer.membranes > layer.threshold)[sure])
        start = layer.initial_membrane[0] * layer.threshold[0]
        arrived = layer.currents.sum(0).expand_as(layer.spikes) if layer.postponed else layer.currents.cumsum(0)
        taken = (layer.threshold * layer.spikes).cumsum(0) - layer.threshold * layer.spikes
        assert_close(layer.membranes, start + arrived - taken)
        assert float(layer.spikes.mean()) > 0


@pytest.mark.parametrize("order", ["step", "fused"])
def test_other_orders_give_their_own_spikes_alone(order: str) -> None:
    model = (converted("rate") if order == "step" else converted("exact")).using(order)
    images = draw_images(5, 1, 4, 4, seed=4)
    found = record(model, images)
    assert torch.equal(found.logits, model(images))
    for name, train in model.record(images)[1].items():
        assert torch.equal(found[name].spikes.bool(), train)
        assert found[name].membranes is None
        assert found[name].threshold is None


def test_a_network_without_spikes_gives_logits_and_no_layers() -> None:
    model = sqnn.create_model("tiny-cnn", DIGITS)
    found = record(model, IMAGES)
    assert torch.equal(found.logits, predict_logits(model, IMAGES))
    assert (dict(found.layers), found.head, found.input, found.timesteps) == ({}, None, None, 0)
    assert found.frame.empty
    with pytest.raises(ConfigError, match=r"layer: got 'x', expected none: the network has no spiking neurons"):
        _ = found["x"]


def test_the_record_takes_what_was_stated(networks: dict[str, nn.Module]) -> None:
    for name in ("sqdr-cnn", "has8-vgg", "snn-mlp"):
        model = networks[name]
        found = record(model, IMAGES, membranes=False)
        assert record_bytes(model, IMAGES, membranes=False) == found.nbytes
        assert all(layer.membranes is None and layer.currents is not None for layer in found.layers.values())
        assert record_bytes(model, IMAGES) > found.nbytes
    with pytest.raises(ConfigError, match=r"images: got 7 images, whose record takes .* GB, expected at most 1e-06 GB"):
        record(model, IMAGES, most_bytes=1_000)


def test_stating_the_memory_draws_nothing(networks: dict[str, nn.Module]) -> None:
    model, draws = networks["snn-mlp"], generator(8)
    record(model, IMAGES, generator=draws)
    plain_draws = generator(8)
    model(IMAGES, plain_draws)
    assert torch.equal(draws.get_state(), plain_draws.get_state())


def test_gradients_reach_the_trains_of_an_attached_record(networks: dict[str, nn.Module]) -> None:
    model = networks["sqdr-cnn"]
    with recorder(model, detach=False) as seen:
        logits = model(IMAGES)
    spikes = seen.layers["frontend.blocks.0"].spikes
    (grads,) = torch.autograd.grad(logits[:, 0].sum(), spikes)
    assert float(grads.abs().sum()) > 0


def state(model: nn.Module) -> list[object]:
    """What hooks and wrapped methods would change."""
    return [
        (list(part._forward_hooks), list(part._forward_pre_hooks), sorted(vars(part)), part.training)
        for part in model.modules()
    ]


@pytest.mark.parametrize("name", ["sqdr-cnn", "snn-mlp", "snn-wta", "has8-vgg"])
def test_nothing_is_left_behind_even_by_an_exception(networks: dict[str, nn.Module], name: str) -> None:
    model = networks[name].train()
    last = list(model.modules())[-1] if name != "snn-mlp" else model.output.neuron
    before = state(model)

    def fail(*args: object) -> None:
        raise RuntimeError("stop")

    handle = last.register_forward_hook(fail)
    with pytest.raises(RuntimeError, match="stop"):
        record(model, IMAGES)
    handle.remove()
    assert state(model) == before
    with pytest.raises(RuntimeError, match="stop"), recorder(model), recorder(model):
        fail()
    assert state(model) == before
    record(model, IMAGES)
    assert state(model) == before
    model.eval()


def test_hooks_of_others_see_what_the_network_asked_for() -> None:
    neuron, seen = IF(), []
    neuron.register_forward_hook(lambda part, args, output: seen.append(output))
    currents = torch.rand(4, 2, 3, generator=generator())
    with recorder(neuron) as outer, recorder(neuron) as inner:
        spikes = neuron(currents)
        asked = neuron(currents, return_membrane=True)
    assert seen[0] is spikes
    assert len(asked) == len(seen[1]) == 2
    assert [list(each.layers) for each in (outer, inner)] == [["IF", "IF#2"]] * 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"images": torch.full((2, 1, 8, 8), torch.nan)}, "images: got NaN, expected finite values in"),
        ({"images": IMAGES[:0]}, r"images: got shape \[0, 1, 8, 8\], expected a non-empty"),
        ({"images": torch.zeros(2, 1, 9, 8)}, r"images: got shape \[2, 1, 9, 8\]"),
        ({"images": DIGITS.test.images}, "images: got dtype torch.uint8, expected floating point"),
        ({"images": None}, "images: got NoneType, expected"),
        ({"labels": torch.zeros(3, dtype=torch.long)}, r"labels: got torch.int64 of shape \[3\], expected whole"),
        ({"labels": torch.zeros(7)}, "labels: got torch.float32"),
        ({"layers": ["frontend.block.0"]}, r"layers: got 'frontend.block.0'.*did you mean 'frontend.blocks.0'"),
        ({"layers": "frontend.blocks.0"}, "layers: got 'frontend.blocks.0', expected a list of names"),
        ({"batch_size": 0}, "batch_size: got 0"),
    ],
)
def test_what_does_not_fit_gets_one_line(
    networks: dict[str, nn.Module], arguments: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        record(**{"model": networks["sqdr-cnn"], "images": IMAGES, **arguments})  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "given",
    [
        *(torch.full((2, 1, 8, 8), value) for value in (torch.nan, torch.inf, -0.5, 7.0)),
        *(torch.zeros(shape) for shape in ((2, 1, 9, 8), (8, 8), (1, 8, 8), (0, 1, 8, 8), ())),
        *(DIGITS.test.images[:2], IMAGES.numpy(), [[1]], None),
    ],
    ids=str,
)
@pytest.mark.parametrize("own", [False, True])
def test_the_same_images_get_the_same_line_whatever_is_asked(
    networks: dict[str, nn.Module], given: Any, own: bool
) -> None:
    """Of a network of one's own, which has no encoder, only the range and the shape are its own business."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 3)) if own else networks["sqdr-cnn"]
    asked: tuple[Callable[[], object], ...] = (
        lambda: record(model, given),
        lambda: attribute(model, given, method="saliency"),
        lambda: robustness_margins(model, given, trials=1),
        lambda: record_bytes(model, given),
        lambda: activation_map(model, given, "frontend.blocks.0"),
    )
    lines = set()
    for ask in asked[:4] if own else asked:
        try:
            ask()
            lines.add("fine")
        except ConfigError as error:
            lines.add(str(error))
        except RuntimeError as error:
            assert own
            lines.add("shape" if "shape" in str(error) else str(error))
    (line,) = lines
    assert line.startswith("images: got") or own


def test_a_part_of_a_data_set_brings_its_labels(networks: dict[str, nn.Module]) -> None:
    found = record(networks["sqdr-cnn"], DIGITS.test.take(slice(7)))
    assert torch.equal(found.images, IMAGES)
    assert torch.equal(found.labels, DIGITS.test.labels[:7])


def test_one_image_and_one_step_are_enough() -> None:
    model = lively("sqdr-cnn", encoding="direct", timesteps=1)
    found = record(model, IMAGES[:1], layers=["frontend.output"])
    assert found.timesteps == 1
    assert [tuple(layer.spikes.shape) for layer in found.layers.values()] == [(1, 1, 9)]
