"""A spiking multilayer perceptron, read by the spikes or membranes of its last neurons."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from types import MappingProxyType
from typing import ClassVar, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sqnn.core import Choices, ConfigError, option, require
from sqnn.encoding import FRAMES, INPUTS, Rate, SparseTrains, make_encoder
from sqnn.layers import SpikingLinear
from sqnn.models.base import ModelConfig, Network, check_batch
from sqnn.models.initial import reset_parameters
from sqnn.neurons import LIF, NEURONS, NeuronConfig

STEP_READOUTS: Choices[str] = Choices(
    "readout",
    {
        "count": "spikes of the last neurons, added up to each step",
        "membrane": "membranes of the last neurons at each step",
        "spikes": "spikes of the last neurons at each step",
    },
)
"""What the loss of each step compares with the label."""


@dataclass(frozen=True, kw_only=True)
class SNNMLPConfig(NeuronConfig, ModelConfig):
    """Every choice of the spiking perceptron. Raises ConfigError, naming the field, on a value that builds none."""

    takes_recordings: ClassVar[bool] = True

    hidden: tuple[int, ...] = option((500,), "neurons of each hidden layer", least=1)
    recurrent: bool = option(False, "feed the spikes of each hidden layer back into it one step later")
    readout: str = option("count", "what the loss of each step reads", among=STEP_READOUTS)
    encoding: str = option("rate", "how pixels become spikes; frames of recordings are", among=INPUTS)
    timesteps: int = option(25, "time steps", least=1)
    neuron: str = option("lif", "neuron model; if or lif", among=NEURONS)
    initial_membrane: float = option(0.0, "membrane at the first step, in thresholds")

    @property
    def frames(self) -> int | None:
        return self.timesteps if self.encoding == FRAMES else None

    def validate(self) -> None:
        super().validate()
        able = [name for name, kind in NEURONS.items() if issubclass(kind, LIF)]
        require(self.neuron in able, "neuron", self.neuron, f"one that shows its membrane: {' or '.join(able)}")
        try:
            make_encoder(self.encoding, self.timesteps)
        except ValueError as error:
            raise ConfigError(f"{error} (encoding {self.encoding})") from error


class SNNMLP(Network):
    """Spiking perceptron: images [batch, channels, height, width] in [0, 1] -> logits [batch, num_classes].

    encode -> (linear, neurons) for each hidden layer -> linear, neurons of the classes. With spikes s_t and membranes
    u_t (before the reset) of the last neurons, t = 1 .. T, the logits are

    - `count`, `spikes`: sum_t s_t + softsign(mean_t u_t) / 2, whose second term breaks ties of counts and nothing else;
    - `membrane`: mean_t u_t.

    Training minimises the mean over t of the cross-entropy of s_1 + .. + s_t (`count`), of u_t or of s_t. Bernoulli
    spikes (`rate`) draw from the `generator` passed to `forward`; the first layer adds up the weights of the pixels
    that fire. With encoding `frames` the network takes recordings [batch, time, channels, height, width].
    """

    config_class: ClassVar[type[ModelConfig]] = SNNMLPConfig
    parts: ClassVar[Mapping[str, str]] = {"hidden": "spiking", "output": "spiking"}
    training_defaults: ClassVar[Mapping[str, str | float]] = MappingProxyType(
        {"learning_rate": 0.002, "schedule": "cosine"}
    )
    plastic: ClassVar[tuple[str, ...]] = ("hidden",)
    scale_field: ClassVar[str | None] = "hidden"
    config: SNNMLPConfig

    def __init__(self, config: SNNMLPConfig, generator: torch.Generator | None = None) -> None:
        super().__init__(config)
        generator = torch.Generator().manual_seed(0) if generator is None else generator
        height, width = config.image_size
        widths = [config.in_channels * height * width, *config.hidden]
        self.encoder = make_encoder(config.encoding, config.timesteps)
        self.hidden = nn.ModuleList(
            SpikingLinear(before, after, self._neurons(after), config.recurrent) for before, after in pairwise(widths)
        )
        self.output = SpikingLinear(widths[-1], config.num_classes, self._neurons(config.num_classes))
        reset_parameters(self, generator)

    def _neurons(self, width: int) -> LIF:
        return cast(LIF, self.config.make_neuron(width))  # the configuration takes no other kind

    def outputs(self, images: Tensor, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
        """Return spikes and membranes of the last neurons at each step, [time, batch, num_classes]."""
        check_batch(images, self.config, self.output.linear.weight.dtype)
        trains: Tensor | SparseTrains
        if isinstance(self.encoder, Rate):
            trains = self.encoder.sparse(images, generator)
        else:
            trains = self.encoder.encode(images, generator).flatten(2)
        for layer in self.hidden:
            trains, _ = layer(trains)
        spikes, membranes = self.output(trains)
        return spikes, membranes

    def decide(self, spikes: Tensor, membranes: Tensor) -> Tensor:
        """Return the logits [batch, num_classes] of the first steps [time, batch, num_classes] of `outputs`."""
        mean = membranes.mean(0)
        return mean if self.config.readout == "membrane" else spikes.sum(0) + F.softsign(mean) / 2

    def forward(self, images: Tensor, generator: torch.Generator | None = None) -> Tensor:
        return self.decide(*self.outputs(images, generator))

    def learn(
        self, images: Tensor, labels: Tensor, generator: torch.Generator | None = None, progress: float = 0.0
    ) -> tuple[Tensor, Tensor]:
        spikes, membranes = self.outputs(images, generator)
        steps = {"count": spikes.cumsum(0), "membrane": membranes, "spikes": spikes}[self.config.readout]
        loss = F.cross_entropy(steps.flatten(0, 1), labels.repeat(len(steps)))
        return self.decide(spikes.detach(), membranes.detach()), loss
