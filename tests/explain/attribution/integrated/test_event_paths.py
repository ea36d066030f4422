"""Exact paths: nothing changes between events, and the jumps add up to rounding."""

from __future__ import annotations

import pytest
import torch
from explained import Perceptron, images, sqdr
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from sqnn.encoding import Direct
from sqnn.explain.attribution import attribute
from sqnn.explain.attribution.integrated.events import TIE, Dynamics, events_between
from sqnn.models import create_model
from sqnn.neurons import IF, LIF, lif_sequence, make_surrogate

RESETS = st.sampled_from(["subtract", "zero", "none"])
BETAS = st.sampled_from([1.0, 0.9, 0.5])
SEEDS = st.integers(0, 10_000)


def currents(seed: int, timesteps: int, neurons: int, whole: bool) -> tuple[Tensor, Tensor]:
    """Currents at both ends of a line; whole quarters, which often meet the threshold exactly, or any numbers."""
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randn(2, timesteps, neurons, generator=generator, dtype=torch.float64)
    start, end = (drawn * 4).round() / 4 if whole else drawn
    return start, end


@settings(max_examples=15)
@given(SEEDS, st.integers(1, 12), RESETS, BETAS, st.sampled_from([0.0, 0.5]), st.booleans())
def test_no_spike_changes_between_events(
    seed: int, timesteps: int, reset: str, beta: float, initial: float, whole: bool
) -> None:
    start, end = currents(seed, timesteps, 4, whole)
    ones = torch.ones(4, dtype=torch.float64)
    events = events_between(start, end, Dynamics(ones, beta * ones, initial * ones, reset))
    ends = torch.cat([torch.zeros(1).double(), events.positions, torch.ones(1).double()])
    gaps = (ends.diff() > 1e-9).nonzero()[:, 0]
    share = torch.linspace(0.001, 0.999, 5).double()
    points = torch.cat([torch.lerp(ends[gaps], ends[gaps + 1], a) for a in share.tolist()] + [torch.tensor([0.0, 1.0])])
    spikes, membranes = lif_sequence(
        start[:, None] + points[:, None] * (end - start)[:, None],
        decay=beta,
        threshold=1.0,
        reset=reset,
        surrogate=make_surrogate("atan"),
        initial_membrane=initial,
    )
    within = spikes[:, :-2].unflatten(1, (5, len(gaps)))
    clear = ((membranes - 1).abs().amin(0) > 1e-12)[:-2].unflatten(0, (5, len(gaps)))  # others turn on rounding
    for number, gap in enumerate(gaps.tolist()):
        differs = within[:, :, number] != events.spikes(ends[gap].item())[:, None]
        assert not (differs & clear[:, number]).any()
    assert len(gaps) == 0 or clear.any()
    assert torch.equal(events.first, spikes[:, -2])
    assert torch.equal(events.last, spikes[:, -1])
    assert torch.equal(events.spikes(1.0), events.last)


@settings(max_examples=6)
@given(SEEDS, st.integers(1, 8), RESETS, BETAS)
def test_an_event_is_where_the_membrane_meets_the_threshold(seed: int, timesteps: int, reset: str, beta: float) -> None:
    start, end = currents(seed, timesteps, 3, whole=False)
    ones = torch.ones(3, dtype=torch.float64)
    events = events_between(start, end, Dynamics(ones, beta * ones, 0 * ones, reset))
    assert len(events) >= int((events.first != events.last).any())
    for k in range(len(events)):
        a, neuron, step = events.positions[k], events.neurons[k], events.steps[k]
        spikes = events.trains[k]
        membrane = torch.zeros((), dtype=torch.float64)
        slope = torch.zeros_like(membrane)
        for t in range(int(step) + 1):
            current = torch.lerp(start, end, a)[t, neuron].clone().requires_grad_()
            u = current + beta * membrane
            slope = (end - start)[t, neuron] + beta * slope
            if t < step:
                membrane = {"subtract": u - spikes[t], "zero": u * (1 - spikes[t]), "none": u}[reset].detach()
                slope = slope * (1 - spikes[t]) if reset == "zero" else slope
        assert u.item() == pytest.approx(1.0, abs=1e-9)
        assert events.slopes[k].item() == pytest.approx(slope.item(), rel=1e-9)


class Conv(nn.Module):
    """A convolution, neurons, a pool and a linear layer."""

    def __init__(self, seed: int, neuron: LIF) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.encoder = Direct(4)
        self.conv, self.neuron = nn.Conv2d(1, 2, 3, padding=1), neuron
        self.second, self.read = LIF(0.8), nn.Linear(8, 2)
        for weight in self.parameters():
            weight.data = torch.randn(weight.shape, generator=generator, dtype=torch.float64)

    def forward(self, images: Tensor) -> Tensor:
        trains = self.encoder(images)
        steps = self.conv(trains.flatten(0, 1)).unflatten(0, trains.shape[:2])
        pooled = nn.functional.max_pool2d(self.neuron(steps).flatten(0, 1), 2).unflatten(0, trains.shape[:2])
        return self.read(self.second(pooled.flatten(2)).mean(0))


@settings(max_examples=4)
@given(SEEDS, RESETS, BETAS, st.booleans(), st.sampled_from([0.0, 0.3]))
def test_the_jumps_add_up(seed: int, reset: str, beta: float, conv: bool, baseline: float) -> None:
    neuron = LIF(beta, reset=reset, initial_membrane=0.5)
    model = Conv(seed, neuron) if conv else Perceptron(neuron)
    batch = images(1, side=4, seed=seed)
    found = attribute(model, batch, 1, "integrated-events", baseline=baseline)
    assert found.completeness_error.max() < 1e-9
    assert torch.allclose(found.output, model(batch)[:, 1])
    assert torch.allclose(found.reference, model(torch.full_like(batch, baseline))[:, 1])
    assert torch.allclose(found.values.flatten(1).sum(1), found.output - found.reference, atol=1e-9)


def test_one_neuron_shares_its_jumps_by_weight_times_value() -> None:
    model = Perceptron(IF(reset="none"), width=1)
    model.encoder.timesteps = 1
    model.linear.weight.data.abs_()
    model.linear.bias.data.zero_()
    batch = images(1, side=4)
    found = attribute(model, batch, 2, "integrated-events").values.flatten()
    drive = (model.linear.weight * batch.flatten(1)).flatten()
    assert drive.sum() > 1
    assert torch.allclose(found, model.readout.weight[2, 0] * drive / drive.sum(), atol=1e-12)


def test_equal_neurons_share_a_jump_equally() -> None:
    model = Perceptron(IF(), width=2)
    model.linear.weight.data[:] = 0
    model.linear.weight.data[0, 3], model.linear.weight.data[1, 7] = 1.5, 1.5
    model.linear.bias.data.zero_()
    batch = torch.ones(1, 1, 4, 4, dtype=torch.float64)
    values = attribute(model, batch, 0, "integrated-events").values.flatten()
    assert values[3] == pytest.approx(values[7].item())
    assert values[3] != 0


def test_pixels_of_a_code_are_their_spikes() -> None:
    model, batch = sqdr(), images(2)
    pixels = attribute(model, batch, 1, "integrated-events")
    assert pixels.completeness_error.max() < 1e-9
    assert pixels.values.any()
    assert "pixels stand for their spikes" in pixels.note
    assert torch.allclose(pixels.values, attribute(model, batch, 1, "integrated-events", "spikes").values.sum(1))


def test_a_network_in_single_precision_is_explained_in_double() -> None:
    model, batch = sqdr().float(), images(2).float()
    found = attribute(model, batch, 1, "integrated-events")
    assert found.values.dtype == torch.float64
    assert found.completeness_error.max() < 1e-9
    assert next(model.parameters()).dtype == torch.float32


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("snn-mlp", {"recurrent": True}, "whose currents into hidden.0 are not linear in the pixels"),
        ("snn-mlp", {"hidden": ()}, "that sees more of its images than the spikes of output"),
        (
            "sqdr-cnn",
            {"neuron": "snntorch:Leaky"},
            "whose first neurons, .*, are SnnTorchLeaky, expected neurons IF",
        ),
        ("logistic", {}, "for a network without spiking neurons"),
    ],
)
def test_what_is_no_function_of_first_spikes_is_refused(name: str, options: dict[str, object], message: str) -> None:
    fast = {"encoding": "direct", "timesteps": 8} if name != "logistic" else {}
    model = create_model(name, image_size=(8, 8), num_classes=3, **fast, **options)
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(3)
    with pytest.raises(ValueError, match=message):
        attribute(model, images(2, side=8).float(), 1, "integrated-events")


def test_positions_that_agree_to_rounding_are_one_group() -> None:
    start, end = torch.zeros(1, 3).double(), torch.tensor([[2.0, 2.0, 4.0]]).double()
    ones = torch.ones(3).double()
    events = events_between(start, end, Dynamics(ones, ones, 0 * ones, "subtract"))
    assert events.positions.tolist() == [0.25, 0.5, 0.5]
    assert events.groups.tolist() == [0, 1, 1]
    assert TIE < 1e-9
