"""Shuffled networks: each stage shuffles more layers from the output down, and the network itself stays."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import sqnn
from sqnn.core import ConfigError
from sqnn.explain.quality import compare_methods, randomised


def test_layers_are_shuffled_from_the_output_down() -> None:
    model = sqnn.create_model("tiny-cnn", sqnn.load_data("digits"))
    before = {name: weight.clone() for name, weight in model.named_parameters()}
    layers = [name for name, part in model.named_modules() if list(part.parameters(recurse=False))]
    stages = list(randomised(model, torch.Generator().manual_seed(0), len(layers)))
    assert [name for name, _ in stages] == layers[::-1]
    for number, (_, changed) in enumerate(stages, 1):
        shuffled = set(layers[-number:])
        for name, weight in changed.named_parameters():
            assert torch.equal(weight.flatten().sort().values, before[name].flatten().sort().values)
            moved = not torch.equal(weight, before[name])
            assert moved == (name.rpartition(".")[0] in shuffled and before[name].unique().numel() > 1)
    assert all(torch.equal(weight, before[name]) for name, weight in model.named_parameters())


def test_few_stages_share_the_layers_and_the_last_one_has_all() -> None:
    model = nn.Sequential(*(nn.Linear(3, 3) for _ in range(5)))
    stages = list(randomised(model, torch.Generator().manual_seed(1), 2))
    assert [name for name, _ in stages] == ["3", "0"]
    assert len(list(randomised(model, torch.Generator(), 9))) == 5
    weights = [part[2].weight for _, part in stages]
    assert torch.equal(weights[0], model[2].weight)
    assert not torch.equal(weights[1], model[2].weight)
    # What was shuffled in a stage stays as it is in the next.
    assert torch.equal(stages[0][1][4].weight, stages[1][1][4].weight)


def test_a_seed_gives_the_same_networks() -> None:
    model = nn.Linear(4, 2)

    def weights(seed: int) -> list[torch.Tensor]:
        stages = randomised(model, torch.Generator().manual_seed(seed))
        return [weight for _, changed in stages for weight in changed.parameters()]

    assert all(map(torch.equal, weights(3), weights(3)))
    assert not all(map(torch.equal, weights(3), weights(4)))


class Keeping(nn.Module):
    """A network that keeps a membrane with its gradient, as neurons of other packages do."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(64, 10)
        self.membrane = torch.zeros(())

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        with torch.enable_grad():
            self.membrane = self.head(images.flatten(1))
        return self.membrane.detach()


def test_a_network_that_cannot_be_copied_is_refused_in_words_and_ends_no_comparison() -> None:
    model = Keeping()
    model(torch.zeros(1, 1, 8, 8))
    with pytest.raises(ConfigError, match="model: got Keeping, which cannot be copied"):
        next(randomised(model, torch.Generator()))
    found = compare_methods(Keeping(), sqnn.load_data("digits"), {}, images=4, repeated=2, squares=2, steps=2)
    assert found.frame.problem.str.startswith("model: got Keeping, which cannot be copied").all()


def test_a_network_without_weights_is_refused() -> None:
    with pytest.raises(ConfigError, match="model: got Flatten without weights, expected some to shuffle"):
        next(randomised(nn.Flatten(), torch.Generator()))
