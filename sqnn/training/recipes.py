"""Recipes: a network, its images and a training that belong together, under one name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from noise_models import Choices


@dataclass(frozen=True)
class Recipe:
    """What to train, on what and how: `options` go to `create_model`, `training` to `fit`.

    >>> recipe = sqnn.RECIPES["digits"]
    >>> data = sqnn.load_data(recipe.data)
    >>> run = sqnn.fit(sqnn.create_model(recipe.model, data, **recipe.options), data, **recipe.training)
    """

    title: str
    model: str
    data: str
    options: Mapping[str, object]
    training: Mapping[str, object]

    @property
    def settings(self) -> dict[str, object]:
        """All settings by name, as the command line takes them."""
        return {"model": self.model, "data": self.data, **self.options, **self.training}


RECIPES: Choices[Recipe] = Choices(
    "recipe",
    {
        "digits": Recipe(
            "the demo: two pools, so that some of the position is left in 8 x 8 pixels (788 parameters)",
            "sqdr-cnn",
            "digits",
            MappingProxyType({"channels": (4, 8), "n_qubits": 10}),
            MappingProxyType(
                {"epochs": 60, "batch_size": 32, "learning_rate": 0.03, "optimizer": "adamw", "weight_decay": 0.05}
            ),
        ),
        "mnist": Recipe(
            "the published sizes (803 parameters), the eight planes shown twice, read by membranes instead of spikes",
            "sqdr-cnn",
            "mnist",
            MappingProxyType({"timesteps": 16}),
            MappingProxyType({"epochs": 12, "batch_size": 32, "learning_rate": 0.015}),
        ),
        "paper": Recipe(
            "SQDR-CNN as published (arXiv 2512.03895): angles from the spikes of a last neuron",
            "sqdr-cnn",
            "mnist",
            MappingProxyType({"readout": "spike"}),
            MappingProxyType({"epochs": 12, "batch_size": 128, "learning_rate": 0.05}),
        ),
        "sqdr-cnn-803": Recipe(
            "at most 803 parameters (800): separable spiking stages, trained as rates and hardened into spikes",
            "sqdr-separable",
            "mnist",
            MappingProxyType({"channels": (4, 6, 6), "n_qubits": 8, "norm_scale": 0.4, "analog": 0.8}),
            MappingProxyType({"epochs": 80, "learning_rate": 0.015, "gradient_clip": 5.0}),
        ),
        "sqdr-cnn-2000": Recipe(
            "at most 2,000 parameters (1,978): the same, wider, its rates trained on images turned and moved a little",
            "sqdr-separable",
            "mnist",
            MappingProxyType({"channels": (6, 12, 24), "n_qubits": 9, "norm_scale": 0.4, "analog": 0.8}),
            MappingProxyType(
                {
                    "epochs": 80,
                    "learning_rate": 0.015,
                    "gradient_clip": 5.0,
                    "augmentation": "affine",
                    "augmented": 0.8,
                }
            ),
        ),
        "mnist-mlp": Recipe(
            "a spiking perceptron 784-500-10, its images moved by up to one pixel",
            "snn-mlp",
            "mnist",
            MappingProxyType({}),
            MappingProxyType({"epochs": 12, "augmentation": "shift", "shift": 1}),
        ),
    },
)
"""Figures of those that were measured over several seeds are in docs/results."""
