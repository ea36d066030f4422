"""A quantum head on any front-end: what it computes, what it leaves alone, and the way through every capability."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from peers import Leaky
from torch import Tensor, nn
from torch.testing import assert_close

import sqnn
from sqnn.core import ConfigError
from sqnn.layers import FrontEnd
from sqnn.models import BOUNDS, SQDRCNN, ModelFileError, SpikingQuantum
from sqnn.neurons import LIF
from sqnn.training import Run


@pytest.fixture(scope="module")
def digits() -> sqnn.ImageData:
    return sqnn.load_data("digits").subset(160, 40, 50)


def front() -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return nn.Sequential(nn.Flatten(), nn.Linear(64, 12), Leaky(), nn.Linear(12, 8), Leaky(output=True))


def made(data: sqnn.ImageData | None = None, **options: object) -> SpikingQuantum:
    options = {"timesteps": 5, "pool": "mean-membrane", "n_qubits": 3, "n_blocks": 2, **options}
    return SpikingQuantum(front(), data, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("bound", BOUNDS)
def test_logits_are_head_of_circuit_of_bounded_angles(digits: sqnn.ImageData, bound: str) -> None:
    model, images = made(digits, bound=bound, angle_scale=2.0), digits.test.floats(slice(6))
    features = FrontEnd(front(), timesteps=5, pool="mean-membrane")(images)
    plain = features @ model.linear.weight.T + model.linear.bias
    inner = {"none": plain, "tanh": plain.tanh(), "sigmoid": 1 / (1 + (-plain).exp())}[bound]
    assert plain.std() > 0.05
    assert_close(model.angles(images), 2 * inner)
    assert_close(model(images), model.circuit(2 * inner) @ model.head[0].weight.T + model.head[0].bias)


def test_the_head_is_that_of_the_sqdr_cnn(digits: sqnn.ImageData) -> None:
    """The same classification for the same weights, with hidden layers, without a head, and under noise."""
    for options in ({"mlp_hidden": (4,)}, {"mlp": False, "n_qubits": 10}, {"noise": "depolarizing:0.05"}):
        model = made(digits, **options)
        other = sqnn.create_model("sqdr-cnn", digits, **{"n_qubits": 3, "n_blocks": 2, **options})
        assert isinstance(other, SQDRCNN)
        parts = {name: tensor for name, tensor in model.state_dict().items() if name.startswith(("circuit", "head"))}
        assert not other.load_state_dict(parts, strict=False).unexpected_keys
        angles = torch.randn(4, 3 * model.config.n_qubits, generator=torch.Generator().manual_seed(0))
        assert torch.equal(model.classify(angles), other.classify(angles))


def test_nothing_is_drawn_from_torchs_generator_and_the_front_end_is_left_alone(digits: sqnn.ImageData) -> None:
    network = nn.Sequential(front(), nn.Flatten())
    normed = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(64), nn.Dropout(0.5)).train()
    normed[2].eval()
    state, before = torch.get_rng_state(), {name: value.clone() for name, value in normed.state_dict().items()}
    one, two = (SpikingQuantum(normed, digits, n_qubits=3, seed=4) for _ in range(2))
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(value, before[name]) for name, value in normed.state_dict().items())
    assert [part.training for part in normed] == [True, True, False]
    assert all(torch.equal(one.state_dict()[name], value) for name, value in two.state_dict().items())
    other = SpikingQuantum(normed, digits, n_qubits=3, seed=5)
    assert not torch.equal(one.linear.weight, other.linear.weight)
    assert one.linear.in_features == 64
    with pytest.raises(ConfigError, match=r"^frontend: fails on \[3, 1, 8, 8\] \(RuntimeError: .*cannot be multiplied"):
        SpikingQuantum(failing := nn.Sequential(nn.Dropout(), nn.Flatten(), nn.Linear(9, 4)), digits)
    assert all(part.training for part in failing.modules())
    assert SpikingQuantum(network, features=8, num_classes=3, timesteps=2, n_qubits=2).linear.in_features == 8


def test_parameters_are_counted_by_part(digits: sqnn.ImageData) -> None:
    counts = sqnn.count(made(digits))
    assert (counts.spiking, counts.quantum, counts.quantum_effective) == (65 * 12 + 13 * 8, 18, 15)
    assert counts.classical == 9 * 9 + 4 * 10
    ours = SpikingQuantum(nn.Sequential(nn.Flatten(2), nn.Linear(64, 4), LIF()), digits, timesteps=2, n_qubits=2)
    assert sqnn.count(ours).spiking == 65 * 4
    plain = SpikingQuantum(nn.Sequential(nn.Flatten(), nn.Linear(64, 4)), digits, n_qubits=2)
    assert (sqnn.count(plain).spiking, sqnn.count(plain).classical) == (0, 65 * 4 + 5 * 6 + 3 * 10)


def test_a_run_trains_it_and_is_read_again(digits: sqnn.ImageData, tmp_path: Path) -> None:
    model = made(digits)
    before = model.frontend.network[1].weight.detach().clone()
    run = sqnn.fit(model, digits, epochs=2, out=tmp_path / "run", progress=False)
    assert not torch.equal(model.frontend.network[1].weight, before)
    again = Run.load(tmp_path / "run", lambda: made(digits)).model
    images = digits.test.floats()
    assert sqnn.evaluate(again, digits, progress=False).confusion == run.result["confusion"]
    assert torch.equal(sqnn.predict(again, images), sqnn.predict(model, images))
    sqnn.save_model(model, tmp_path / "net.safetensors", data=digits)
    stored = sqnn.load_model(tmp_path / "net.safetensors", lambda: made(digits))
    assert torch.equal(sqnn.predict(stored, images), sqnn.predict(model, images))
    with pytest.raises(ModelFileError, match=r"circuit\.weights has shape \[2, 3, 3\], expected \[3, 3, 3\]"):
        Run.load(tmp_path / "run", lambda: made(digits, n_blocks=3))


def test_noise_reaches_the_circuit_and_shares_the_weights(digits: sqnn.ImageData) -> None:
    model, images = made(digits), digits.test.floats(slice(4))
    noisy = model.with_noise("depolarizing:0.1")
    assert not torch.allclose(noisy(images), model(images), atol=1e-3)
    circuit = model.circuit.with_noise("depolarizing:0.1")(model.angles(images))
    assert_close(noisy(images), circuit @ model.head[0].weight.T + model.head[0].bias)
    assert torch.equal(noisy.with_noise(None)(images), model(images))
    assert noisy.linear is model.linear
    assert (noisy.config.noise, model.config.noise) == ("depolarizing:0.1", "none")


class Remembers(nn.Module):
    """A front-end of no library whose state outlives its batch."""

    def __init__(self) -> None:
        super().__init__()
        self.linear, self.calls = nn.Linear(64, 5), 0

    def forward(self, images: Tensor) -> Tensor:
        self.calls += 1
        return self.linear(images.flatten(1)) + self.calls


def test_a_state_that_no_convention_knows_is_told_before_the_training(digits: sqnn.ImageData, tmp_path: Path) -> None:
    model = SpikingQuantum(Remembers(), digits, n_qubits=2)
    with pytest.raises(ConfigError, match=r"other logits for the same images .* begin forward with a reset"):
        sqnn.fit(model, digits, epochs=1, out=tmp_path / "run", progress=False)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"data": None}, r"features: got None, expected a number, or data= to take it from: SpikingQuantum\(frontend"),
        ({"data": None, "features": 8}, "num_classes: got None, expected a number, or data="),
        ({"data": "digits"}, "data: got str, expected an ImageData"),
        ({"num_classes": 4}, r"num_classes: is taken from the data \(10\), got 4 beside it"),
        ({"features": 0}, "features: got 0, expected a whole number of at least 1"),
        ({"bound": "clip"}, "bound: got 'clip', expected one of none, tanh, sigmoid"),
        ({"n_qubit": 3}, "n_qubit: HeadConfig has no such field.*did you mean n_qubits|n_qubit: .*'n_qubits'"),
        ({"n_qubits": 4, "mlp": False}, "n_qubits: got 4, expected at least num_classes = 10 where mlp is off"),
        ({"noise": "depolarising:0.1"}, "noise: got 'depolarising"),
        ({"frontend": "snntorch"}, "frontend: got str, expected a network"),
    ],
)
def test_what_makes_no_network_is_told(digits: sqnn.ImageData, options: dict[str, object], message: str) -> None:
    given = {"frontend": front(), "data": digits, "timesteps": 2, **options}
    with pytest.raises(ValueError, match=message):
        SpikingQuantum(**given)  # type: ignore[arg-type]


class Shallow(nn.Module):
    """A network that gives spikes alone, and none of a blank image."""

    def forward(self, trains: Tensor) -> Tensor:
        return (trains.flatten(2) > 0.5).float()


def test_spikes_alone_cannot_be_read_by_membranes_from_the_beginning(digits: sqnn.ImageData) -> None:
    network = nn.Sequential(Shallow()).train()
    with pytest.raises(ConfigError, match="pool: got 'membrane' for a network that gives spikes alone, expected pool="):
        SpikingQuantum(network, digits, timesteps=4, pool="membrane")
    assert network.training
    assert SpikingQuantum(network, digits, timesteps=4, n_qubits=2).linear.in_features == 64


def recordings() -> sqnn.ImageData:
    frames = torch.rand(20, 4, 2, 3, 3, generator=torch.Generator().manual_seed(0)).mul(2).to(torch.uint8)
    split = sqnn.data.Split(frames, torch.arange(20) % 2, 1)
    return sqnn.ImageData("events", split, split, split, ("a", "b"))


def test_frame_t_of_a_recording_is_seen_at_step_t() -> None:
    """A membrane with a leak is the weighted sum of what came at each step."""

    class Leaks(nn.Module):
        def forward(self, trains: Tensor) -> Tensor:
            membranes = [torch.zeros(trains.shape[1], 18)]
            for step in trains:
                membranes.append(0.5 * membranes[-1] + step.flatten(1))
            return torch.stack(membranes[1:])

    data = recordings()
    model = SpikingQuantum(Leaks(), data, timesteps=4, pool="membrane", n_qubits=2)
    images = data.test.floats(slice(5))
    expected = (images.flatten(2) * torch.tensor([0.125, 0.25, 0.5, 1.0])[:, None]).sum(1)
    assert_close(model.frontend(images), expected)
    assert_close(FrontEnd(Leaks(), timesteps=4, encoding="frames", pool="membrane")(images), expected)
    assert sqnn.evaluate(model, data, progress=False).images == 20
    once = SpikingQuantum(nn.Flatten(), data, n_qubits=2)
    assert once.linear.in_features == 72  # all frames in one call
    for options, message in (
        ({"timesteps": 5}, "timesteps: got 5 for recordings of 4 frames, expected as many"),
        ({"timesteps": 4, "encoding": "rate"}, "encoding: got Rate.* for recordings, expected frames"),
    ):
        with pytest.raises(ConfigError, match=message):
            SpikingQuantum(Leaks(), data, **options)  # type: ignore[arg-type]


def test_images_are_no_frames(digits: sqnn.ImageData) -> None:
    with pytest.raises(ConfigError, match="encoding: got frames for images, expected recordings of events"):
        SpikingQuantum(Shallow(), digits, timesteps=1, encoding="frames")


def test_another_number_of_features_than_it_was_made_for(digits: sqnn.ImageData) -> None:
    model = made(features=7, num_classes=10)
    with pytest.raises(ConfigError, match="features: got 8 of the front-end, expected the 7 that the network"):
        model(digits.test.floats(slice(2)))
