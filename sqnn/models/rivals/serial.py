"""Serial SQNN: a spiking network that is trained first, and a dressed quantum layer on its features."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sqnn.core import option
from sqnn.encoding import make_encoder
from sqnn.layers import SpikingRates
from sqnn.models.base import ModelConfig, Network, check_batch
from sqnn.models.front_ends import RatesConfig
from sqnn.models.initial import reset_parameters
from sqnn.models.quantum_head import HeadConfig, QuantumHead, make_circuit, make_head


@dataclass(frozen=True, kw_only=True)
class SerialSQNNConfig(HeadConfig, RatesConfig):
    """Every choice of the serial SQNN. Raises ConfigError, naming the field, on a value that builds no network."""

    pretraining: float = option(
        0.5,
        "share of the training in which the spiking network alone learns; it is frozen afterwards",
        above=0,
        below=1,
    )


class SerialSQNN(QuantumHead, Network):
    """Serial spiking-quantum network: images [batch, channels, height, width] in [0, 1] -> logits [batch, num_classes].

    encode -> spiking layers -> rates f [batch, features] of the last neurons -> angles = angle_scale * tanh(W f + b)
    [batch, 3 n_qubits] in radians -> circuit -> <Z> [batch, n_qubits] -> head -> logits. W, the circuit and the head
    are the dressed quantum layer. `forward` is all of it, and differentiable.

    Training (`learn`) has two phases. While `progress` is below `pretraining`, the spiking layers learn with a linear
    `classifier` of their own on f, whose cross-entropy is the loss and whose logits are returned. From then on they are
    frozen, statistics of batch norms included, and the dressed quantum layer alone learns. The classifier is counted
    among the parameters, though `forward` does not read it; validation accuracies of the first phase are those of an
    untrained quantum layer.

    Source: Konar et al., "A shallow hybrid classical-quantum spiking feedforward neural network", Applied Soft
    Computing 136 (2023), for a spiking network of leaky neurons before a quantum layer; Mari et al., Quantum 4, 340
    (2020), for the dressed layer, linear - tanh - circuit - linear. This package's own choices, which make the network
    comparable with an SQDR-CNN: its convolutions and encoding (`layers` dense has linear layers on the pixels, as
    published; batch norms either way), its re-upload circuit, angles within pi instead of pi / 2, surrogate gradients
    for the first phase, and one optimiser and schedule over both.
    """

    config_class: ClassVar[type[ModelConfig]] = SerialSQNNConfig
    parts: ClassVar[Mapping[str, str]] = {
        **{"frontend": "spiking", "classifier": "spiking", "linear": "classical"},
        **{"circuit": "quantum", "head": "classical"},
    }
    training_defaults: ClassVar[Mapping[str, str | float]] = MappingProxyType(
        {"batch_size": 32, "learning_rate": 0.015}
    )
    scale_field: ClassVar[str | None] = "channels"
    config: SerialSQNNConfig

    def __init__(self, config: SerialSQNNConfig, generator: torch.Generator | None = None) -> None:
        Network.__init__(self, config)
        generator = torch.Generator().manual_seed(0) if generator is None else generator
        self.encoder = make_encoder(config.encoding, config.timesteps)
        self.frontend = SpikingRates(
            config.in_channels, config.image_size, config.widths, config.make_neuron, config.layers
        )
        self.classifier = nn.Linear(config.widths[-1], config.num_classes)
        self.circuit = make_circuit(config, generator)
        self.linear = nn.Linear(config.widths[-1], self.circuit.n_inputs)
        self.head = make_head(config, self.circuit.n_outputs)
        reset_parameters(self, generator)

    def features(self, images: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Return the rates [batch, features] in [0, 1] of the last spiking neurons."""
        check_batch(images, self.config, self.linear.weight.dtype)
        rates: Tensor = self.frontend(self.encoder.encode(images, generator))
        return rates

    def angles(self, images: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Return the data angles [batch, 3 n_qubits] in radians that the circuit reads for these images."""
        return self._turned(self.features(images, generator))

    def forward(self, images: Tensor, generator: torch.Generator | None = None) -> Tensor:
        return self.classify(self.angles(images, generator), generator)

    def learn(
        self, images: Tensor, labels: Tensor, generator: torch.Generator | None = None, progress: float = 0.0
    ) -> tuple[Tensor, Tensor]:
        first = progress < self.config.pretraining
        self.frontend.train(self.training and first)
        if first:
            logits = self.classifier(self.features(images, generator))
        else:
            with torch.no_grad():
                features = self.features(images, generator)
            logits = self.classify(self._turned(features), generator)
        return logits, F.cross_entropy(logits, labels)

    def _turned(self, features: Tensor) -> Tensor:
        return self.config.angle_scale * torch.tanh(self.linear(features))
