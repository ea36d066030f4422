"""Activations with levels that were written elsewhere are taken over, or refused by their number of levels."""

from __future__ import annotations

import pytest
import torch
from convertible import draw_images, generator
from torch import Tensor, nn

from sqnn.conversion import ConversionError, convert, prepare, verify


class Stairs(nn.Module):
    """Clip, floor and shift, as a network of L levels is trained with elsewhere; one threshold, or one per channel."""

    def __init__(self, levels: int, channels: int | None = None) -> None:
        super().__init__()
        thresholds = torch.tensor([2.5]) if channels is None else torch.linspace(1, 3, channels).view(1, -1, 1, 1)
        self.levels, self.thresh = levels, nn.Parameter(thresholds)

    def forward(self, values: Tensor) -> Tensor:
        return torch.floor(torch.clamp(values / self.thresh, 0, 1) * self.levels + 0.5) / self.levels * self.thresh


def network(levels: int, channels: int | None = None) -> nn.Sequential:
    model = nn.Sequential(
        nn.Conv2d(2, 3, 3),
        nn.BatchNorm2d(3),
        Stairs(levels, channels),
        nn.Conv2d(3, 3, 3),
        Stairs(levels, channels),
        nn.Flatten(),
        nn.Linear(48, 4),
    )
    with torch.no_grad():
        for parameter in [*model[0].parameters(), *model[3].parameters()]:
            parameter.copy_(torch.randn(parameter.shape, generator=generator(3)))
    return model.eval()


@pytest.mark.parametrize("channels", [None, 3])
@pytest.mark.parametrize("bits", [1, 2, 3, 4])
def test_levels_that_bits_count_to_are_taken_over(bits: int, channels: int | None) -> None:
    model, images = network(2**bits - 1, channels).double(), draw_images(6, 2, 8, 8)
    spiking = convert(model, images=images)
    found = verify(model, spiking, images)
    assert spiking.timesteps == bits
    assert found.mismatches == 0
    assert found.spikes > 0.1
    torch.testing.assert_close(spiking(images), model(images), atol=1e-9, rtol=0)


@pytest.mark.parametrize(("levels", "near"), [(4, "3 or 7"), (8, "7 or 15"), (16, "15 or 31")])
def test_other_numbers_of_levels_are_refused_with_the_reason(levels: int, near: str) -> None:
    for make in (convert, prepare):
        with pytest.raises(ConversionError, match=rf"2: Stairs has the levels 0 to {levels}, .* count to {near}; "):
            make(network(levels), images=draw_images(6, 2, 8, 8).float())


def test_what_is_no_staircase_is_no_activation_of_levels() -> None:
    class Gain(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.gain = nn.Parameter(torch.tensor([2.0]))

        def forward(self, values: Tensor) -> Tensor:
            return torch.tanh(values) * self.gain

    model = nn.Sequential(nn.Conv2d(2, 3, 3), Gain(), nn.ReLU(), nn.Flatten(), nn.Linear(108, 4)).double().eval()
    spiking = convert(prepare(model, 3, images=draw_images(6, 2, 8, 8)))
    assert len(spiking.sites) == 1


def test_the_comparison_in_double_precision_leaves_all_types_and_numbers_as_they_were() -> None:
    model = network(7)
    model.register_buffer("mixed", torch.linspace(0, 1, 5, dtype=torch.float64))
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    spiking = convert(model, images=draw_images(6, 2, 8, 8).float())
    after = model.state_dict()
    assert all(
        after[name].dtype == tensor.dtype and torch.equal(after[name], tensor) for name, tensor in before.items()
    )
    kept = [*spiking.parameters(), *spiking.buffers()]
    assert {tensor.dtype for tensor in kept if tensor.is_floating_point()} == {torch.float32}
    origin = spiking.source.meta["origin"].model.state_dict()
    assert all(
        origin[name].dtype == tensor.dtype and torch.equal(origin[name], tensor) for name, tensor in before.items()
    )
