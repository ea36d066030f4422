"""The verb, its places, and what every attribution carries."""

from __future__ import annotations

import pytest
import torch
from explained import Perceptron, images, sqdr
from torch import Tensor, nn

import sqnn
from sqnn.core import ConfigError
from sqnn.explain.attribution import METHODS, attribute, probing, robustness_margins
from sqnn.explain.recording import record
from sqnn.models import create_model
from sqnn.neurons import IF, LIF, QCFS

PLACES = ["pixels", "spikes", "angles", "qubits", "frontend.blocks.0", "frontend.linear", "weights"]


@pytest.fixture(scope="module")
def model() -> nn.Module:
    return sqdr()


@pytest.mark.parametrize("at", PLACES)
def test_a_place_holds_what_gives_the_networks_own_logits(at: str, model: nn.Module) -> None:
    batch = images(3)
    with probing(model, batch, None, at, None) as probe:
        logits = probe.logits(probe.point)
        backwards = probe.logits(probe.point.flip(0), torch.tensor([2, 1, 0])).flip(0)
    assert torch.allclose(logits, probe.plain, atol=1e-12)
    assert torch.allclose(backwards, probe.plain, atol=1e-12)
    assert torch.equal(probe.plain, model.eval()(batch))
    assert len(probe.axes) == probe.point.ndim


@pytest.mark.parametrize("at", ["spikes", "frontend.blocks.0", "angles"])
def test_what_is_put_there_reaches_the_logits(at: str, model: nn.Module) -> None:
    with probing(model, images(2), None, at, None) as probe:
        changed = probe.logits(torch.zeros_like(probe.point))
    assert not torch.allclose(changed[0], probe.plain[0], atol=1e-6)
    assert torch.allclose(changed[0], changed[1], atol=1e-12)  # nothing else of the images does


@pytest.mark.parametrize("name", ["snn-mlp", "snn-wta"])
def test_drawn_spikes_are_kept(name: str) -> None:
    model = create_model(name, image_size=(4, 4), num_classes=3, timesteps=6)
    batch, generator = images(2, side=4).float(), torch.Generator().manual_seed(5)
    with probing(model, batch, None, "spikes", generator) as probe:
        assert torch.allclose(probe.logits(probe.point), probe.plain, atol=1e-5)
        assert torch.equal(probe.point, probe.point.round())
    assert generator.get_state().equal(torch.Generator().manual_seed(5).get_state())


RATES = {
    "snn-mlp": {"encoding": "rate"},
    "snn-cnn": {"encoding": "rate", "channels": (2, 3)},
    "sqdr-cnn": {"encoding": "rate", "channels": (2, 3), "n_qubits": 3},
    "snn-wta": {},
}


@pytest.mark.parametrize("name", RATES)
@pytest.mark.parametrize("at", ["pixels", "spikes"])
def test_random_spikes_of_an_image_are_its_own(name: str, at: str) -> None:
    """In any row and beside any other image, an image has the same draws: an unchanged point has the plain logits."""
    model = create_model(name, image_size=(8, 8), num_classes=3, timesteps=5, **RATES[name])
    batch = images(3, side=8).float()
    with probing(model, batch, None, at, None) as probe:
        rows = torch.tensor([2, 0, 1, 1, 0])
        assert torch.allclose(probe.logits(probe.point[rows], rows), probe.plain[rows], atol=1e-6)
        whole = probe.point
    with probing(model, batch[[1]], None, at, None) as alone:
        assert torch.equal(alone.point[0], whole[1])
        assert torch.allclose(alone.plain[0], probe.plain[1], atol=1e-6)
    drawn = record(model, batch, generator=torch.Generator().manual_seed(0)).input
    assert not torch.equal(drawn[:, 0] > 0, drawn[:, 1] > 0)  # out of a probe every image draws its own again
    assert not any("alike" in vars(part) for part in model.modules())


@pytest.mark.parametrize("name", ["snn-mlp", "snn-cnn"])
def test_what_is_black_already_cannot_be_taken_away(name: str) -> None:
    model = create_model(name, image_size=(8, 8), num_classes=3, timesteps=5, **RATES[name])
    batch = images(2, side=8).float()
    batch[:, :, :3, :3] = 0
    values = attribute(model, batch, 1, "occlusion", window=1).values
    assert values.any()
    assert values[:, :, :3, :3].abs().max() < 1e-6


def test_a_pixel_without_a_weight_has_no_value() -> None:
    """Hiding it leaves the draws of all others as they were, though sparse trains draw for ink alone."""
    model = create_model("snn-mlp", image_size=(4, 4), num_classes=3, timesteps=6, hidden=(7,), encoding="rate")
    next(model.parameters()).data[:, :3] = 0
    values = attribute(model, images(2, side=4).float(), 1, "occlusion", window=1).values.flatten(1)
    assert values[:, 3:].any()
    assert values[:, :3].abs().max() < 1e-6


def test_noise_is_not_explained() -> None:
    class Noisy(nn.Module):
        def __init__(self, own: bool) -> None:
            super().__init__()
            self.linear, self.own = nn.Linear(16, 3), own

        def forward(self, images: Tensor, generator: torch.Generator) -> Tensor:
            drawn = torch.rand(len(images), 16, generator=generator if self.own else None)
            return self.linear(images.flatten(1) + drawn)

    for own in (True, False):
        with pytest.raises(ConfigError, match="model: got Noisy, whose random numbers depend on the pass or on the"):
            attribute(Noisy(own), images(1, side=4).float(), 1, "occlusion")
    with pytest.raises(ConfigError, match=r"shots: got 100, expected exact expectations: model.with_engine"):
        attribute(sqdr(shots=100), images(1), 1, "occlusion")


def test_a_module_called_step_by_step_is_a_layer_with_time() -> None:
    class Stepwise(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear, self.activation = nn.Linear(16, 3), nn.ReLU()

        def forward(self, images: Tensor) -> Tensor:
            return sum(self.activation(self.linear(images.flatten(1) * k)) for k in (1.0, 2.0, 3.0))  # type: ignore[return-value]

    model = Stepwise().double()
    batch = images(2, side=4)
    found = attribute(model, batch, 0, "gradient-input", "activation")
    assert found.axes == ("image", "timestep", "neuron")
    assert found.values.shape == (2, 3, 3)
    assert torch.allclose(found.values[:, :, 0].sum(1), model(batch)[:, 0])


def test_groups_add_up(model: nn.Module) -> None:
    batch = images(2)
    angles = attribute(model, batch, 1, "gradient-input", "angles")
    assert torch.allclose(angles.groupby("qubit").values, angles.values.unflatten(1, (3, 3)).sum(2))
    assert torch.equal(angles.groupby("qubit").values, attribute(model, batch, 1, "gradient-input", "qubits").values)
    spikes = attribute(model, batch, 1, "gradient-input", "spikes")
    assert torch.allclose(spikes.groupby("timestep").values, spikes.values.sum((2, 3, 4)))
    weights = attribute(model, batch, 1, "gradient-input", "weights")
    by_tensor = weights.groupby("tensor").values
    sizes = [weight.numel() for weight in model.parameters()]
    assert torch.allclose(by_tensor, torch.stack([part.sum(1) for part in weights.values.split(sizes, 1)], 1))
    with pytest.raises(ConfigError, match="by: got 'qbit', expected one of angle, qubit; did you mean 'qubit'"):
        angles.groupby("qbit")


def test_the_table_names_every_value(model: nn.Module) -> None:
    found = attribute(model, images(2), 1, "gradient-input", "angles")
    frame = found.frame
    assert list(frame.columns) == ["image", "angle", "qubit", "value"]
    row = frame[(frame.image == 1) & (frame.angle == 7)].iloc[0]
    assert row.value == pytest.approx(found.values[1, 7].item())
    assert row.qubit == "2"
    assert found.to_dict()["values"][1][7] == found.values[1, 7].item()


@pytest.mark.parametrize("at", ["pixels", "spikes", "angles", "frontend.linear"])
def test_it_draws_itself(at: str, model: nn.Module) -> None:
    found = attribute(model, images(2), None, "gradient-input", at)
    axes = found.plot(image=1).axes[0]
    assert axes.get_title() == f"gradient-input at {at}, class {found.target[1]}"
    if at == "pixels":
        assert torch.allclose(torch.as_tensor(axes.images[0].get_array()), found.values[1, 0])
    with pytest.raises(ConfigError, match="image: got 2, expected a whole number from 0 to 1"):
        found.plot(image=2)


def test_the_passes_are_counted() -> None:
    model, calls = Perceptron(LIF()), []
    model.register_forward_hook(lambda module, inputs, output: calls.append(len(inputs[0])))
    cost = attribute(model, images(2, side=4), 0, "occlusion", window=2, stride=2).cost
    assert cost.forwards == sum(calls)
    assert cost.backwards == 0


@pytest.mark.parametrize(("method", "at"), [("relevance", "pixels"), ("shapley", "angles"), ("occlusion", "angles")])
def test_samples_of_the_circuit_are_counted(method: str, at: str, model: nn.Module) -> None:
    samples: list[int] = []
    hook = model.circuit.register_forward_hook(lambda module, inputs, output: samples.append(len(inputs[0])))
    cost = attribute(model, images(2), 0, method, at).cost
    hook.remove()
    assert cost.forwards == sum(samples)


def test_the_first_pass_is_not_the_measure_of_one_inference(monkeypatch: pytest.MonkeyPatch) -> None:
    """By a clock on which the first pass of a network takes 100 and every other one 1."""
    clock = [0.0]
    monkeypatch.setattr("time.perf_counter", lambda: clock[0])
    model = Perceptron(LIF())

    def tick(module: nn.Module, inputs: object, output: object) -> None:
        clock[0] += 1 if clock[0] else 100

    model.register_forward_hook(tick)
    cost = attribute(model, images(2, side=4), 0, "occlusion", window=2, stride=2).cost
    assert cost.seconds > 100
    assert cost.ratio == cost.seconds


@pytest.mark.parametrize(
    ("method", "at", "options"),
    [
        ("occlusion", "pixels", {}),
        ("occlusion", "spikes", {}),
        ("occlusion", "neuron", {}),
        ("occlusion", "neuron", {"by": "timestep"}),
        ("influence", "spikes", {"change": "shift"}),
        ("influence", "spikes", {"change": "insertion"}),
        ("integrated-events", "pixels", {}),
        ("temporal-spike", "neuron", {}),
        *(("margins", at, {"change": change}) for at in ("spikes", "neuron") for change in ("shuffle", "noise")),
    ],
)
def test_all_tensors_are_made_where_the_points_are(method: str, at: str, options: dict[str, str]) -> None:
    """With another default device a tensor that is made without a word of where it belongs meets the points in vain."""
    model, batch = Perceptron(IF(), encoding="phase").eval(), images(2, side=4)

    def found() -> Tensor:
        if method == "margins":
            return robustness_margins(model, batch, at, **options).margins
        return attribute(model, batch, 1, method, at, **options).values

    expected = found()
    assert expected.any()
    with torch.device("meta"):
        assert torch.equal(found(), expected)


def test_the_network_is_as_it_was(model: nn.Module) -> None:
    model.train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    parameters = dict(model.named_parameters())
    for at in PLACES:
        attribute(model, images(2), None, "gradient-input", at)
    failing = model.frontend.linear.register_forward_hook(lambda *_: 1 / 0)
    for at in ("spikes", "angles", "frontend.blocks.0", "weights"):
        with pytest.raises(ZeroDivisionError):
            attribute(model, images(2), None, "gradient-input", at)
    failing.remove()
    assert all(part.training for part in model.modules())
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in model.modules())
    assert all(parameters[name] is weight for name, weight in model.named_parameters())
    assert "emit" not in vars(model.encoder)
    assert all(weight.grad is None for weight in model.parameters())
    model.eval()


def test_a_layer_with_two_paths_keeps_its_weights() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.last = nn.Linear(16, 16), nn.Linear(16, 3)
            self.again = self.first

        def forward(self, images: Tensor) -> Tensor:
            return self.last(self.again(self.first(images.flatten(1)).relu()))

    model, batch = Twice().double(), images(2, side=4)
    weight = model.first.weight
    found = attribute(model, batch, 1, "saliency", "weights", signed=True).groups["tensor"]
    assert model.first.weight is weight
    assert model.again.weight is weight
    assert found.names == ("first.weight", "first.bias", "last.weight", "last.bias")
    model(batch[:1])[0, 1].backward()
    values = attribute(model, batch[:1], 1, "saliency", "weights", signed=True).values[0]
    assert torch.allclose(values[:256].view(16, 16), weight.grad, atol=1e-12)


def test_a_run_is_explained_as_its_network(model: nn.Module) -> None:
    holder = type("Holder", (), {"model": model})()
    direct = attribute(model, images(1), 0, "gradient-input").values
    assert torch.equal(attribute(holder, images(1), 0, "gradient-input").values, direct)


@pytest.mark.parametrize("at", [*PLACES, "encoder"])
def test_the_method_by_default_explains_the_place(at: str, model: nn.Module) -> None:
    batch = images(2)
    found = attribute(model, batch, 1, at=at)
    assert found.method == ("shapley" if at in ("pixels", "angles", "qubits") else "gradient-input")
    assert torch.equal(found.values, attribute(model, batch, 1, found.method, at).values)
    assert found.values.any()


def test_options_may_stand_in_the_name_of_a_method(model: nn.Module) -> None:
    found = attribute(model, images(2), 1, "occlusion:window=3:stride=3")
    assert torch.equal(found.values, attribute(model, images(2), 1, "occlusion:window=3", stride=3).values)
    assert torch.equal(found.values, attribute(model, images(2), 1, "occlusion", window=3, stride=3).values)
    assert not torch.equal(found.values, attribute(model, images(2), 1, "occlusion").values)


@pytest.mark.parametrize("at", PLACES)
def test_a_method_that_does_not_fit_a_place_names_those_that_do(at: str, model: nn.Module) -> None:
    able = {name for name, kind in METHODS.items() if kind.explains(at)}
    for method in METHODS.keys() - able:
        with pytest.raises(ConfigError, match=f"at: got '{at}' for the method {method}, expected one of ") as caught:
            attribute(model, images(1), 0, method, at)
        assert set(str(caught.value).split(f"; methods for {at}: ")[1].split(", ")) == able
    with pytest.raises(ConfigError, match=f"at: got '{at}x', expected one of pixels, .*weights, "):
        attribute(model, images(1), 0, "shapley", f"{at}x")


def test_layers_have_the_names_that_they_have_in_a_record(model: nn.Module) -> None:
    layers = record(model, images(1)).layers
    with pytest.raises(ConfigError, match=f"weights, {', '.join(layers)}$"):
        attribute(model, images(1), 0, at="nowhere")
    for name in layers:
        assert attribute(model, images(1), 0, at=name).at == name


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"method": "saliensy"}, "method: got 'saliensy', expected one of .*did you mean 'saliency'"),
        ({"method": "saliensy:steps=3"}, "method: got 'saliensy', expected one of .*did you mean 'saliency'"),
        ({"method": "occlusion:3"}, "method: got 'occlusion:3', expected options as in relevance:rule=signed"),
        (
            {"method": "occlusion:window=2", "window": 3},
            "method: got 'occlusion:window=2', expected the option window ",
        ),
        (
            {"method": len},
            "method: got <built-in function len>, expected a name, .*'mine': function}.* takes one of yo",
        ),
        ({"at": "frontend.block.0"}, "at: got 'frontend.block.0', expected one of pixels, .*did you mean 'frontend."),
        ({"at": 3}, "at: got 3, expected a name, such as pixels, or the path of a layer"),
        (
            {"at": "weights", "method": "influence"},
            "at: got 'weights' for the method influence, expected",
        ),
        ({"target": 3}, "target: got 3, expected a class from 0 to 2, or one for each of 2 images"),
        ({"target": -1}, "target: got -1, expected a class from 0 to 2"),
        ({"target": torch.tensor([0, 3])}, "target: got .*, expected a class from 0 to 2"),
        ({"target": torch.tensor([0])}, "target: got .*, expected a class from 0 to 2"),
        ({"target": torch.tensor([0.0, 1.0])}, "target: got .*, expected a class from 0 to 2"),
        ({"images": torch.full((2, 1, 6, 6), torch.nan)}, "images: got NaN, expected finite values in"),
        ({"images": torch.zeros(2, 1, 5, 6)}, r"images: got shape \[2, 1, 5, 6\], expected \[batch, 1, 6, 6\]"),
        ({"images": torch.zeros(0, 1, 6, 6)}, "images: got shape .*, expected a non-empty"),
        ({"images": [[1]]}, "images: got list, expected a torch tensor"),
        ({"methods": 1}, "methods: GradientInput has no such field"),
        ({"method": "occlusion", "baseline": torch.zeros(5)}, r"baseline: got shape \[5\], expected a number, or"),
        ({"method": "occlusion", "baseline": float("nan")}, "baseline: got nan, expected finite numbers"),
        ({"method": "occlusion", "window": 7}, "window: got 7, expected at most 6"),
        ({"method": "occlusion", "by": "chanel"}, "by: got 'chanel', expected one of .*did you mean 'channel'"),
    ],
)
def test_bad_input_gets_one_line(arguments: dict[str, object], message: str, model: nn.Module) -> None:
    given: dict[str, object] = {"images": images(2), "method": "gradient-input", **arguments}
    with pytest.raises(ValueError, match=message) as caught:
        attribute(model, **given)
    assert "\n" not in str(caught.value)


def test_a_place_that_is_not_there_is_refused() -> None:
    model = create_model("logistic", image_size=(4, 4))
    for at, noun in (("spikes", "encoders"), ("angles", "circuits")):
        with pytest.raises(ConfigError, match=f"at: got '{at}' for a network with {noun}: none; expected pixels"):
            attribute(model, images(1, side=4).float(), 0, "saliency", at)
    model = create_model("has8-vgg", image_size=(8, 8))
    with pytest.raises(ConfigError, match=r"at: got 'spikes' for a network with encoders: \d: .*; expected the path"):
        attribute(model, images(1, side=8).float(), 0, "saliency", "spikes")


def test_no_gradient_is_an_error() -> None:
    model = nn.Sequential(nn.Flatten(), QCFS(2), nn.Linear(16, 3)).double()
    model[1].register_forward_hook(lambda module, inputs, output: output.detach())
    with pytest.raises(ConfigError, match="at: got 'pixels', by which the logits of Sequential have no gradient"):
        attribute(model, images(1, side=4), 0, "saliency")


def test_networks_of_one_step_of_one_image_and_of_other_neurons_are_explained() -> None:
    import snntorch

    class Foreign(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear, self.neuron, self.read = nn.Linear(16, 5), snntorch.Leaky(0.9), nn.Linear(5, 3)

        def forward(self, images: Tensor) -> Tensor:
            membrane, logits = torch.zeros(len(images), 5), []
            for _ in range(3):
                spikes, membrane = self.neuron(3 * self.linear(images.flatten(1)), membrane)
                logits.append(self.read(spikes))
            return torch.stack(logits).sum(0)

    one = create_model("snn-mlp", image_size=(4, 4), hidden=(5,), num_classes=3, timesteps=1, encoding="direct")
    for model, layer, steps in ((one, "hidden.0", 1), (Foreign(), "neuron", 3)):
        batch = images(1, side=4).float()
        found = attribute(model, batch, 1, "gradient-input", layer)
        assert found.values.shape == (1, steps, 5)
        assert torch.isfinite(found.values).all()
    with pytest.raises(ConfigError, match="method: got a smooth twin for neuron, neurons of Leaky, which have none"):
        attribute(model, batch, 1, "integrated-smooth")


def test_the_door_of_the_package_has_the_verb() -> None:
    assert sqnn.attribute is attribute
    assert set(METHODS) >= {"saliency", "gradient-input", "occlusion"}
