"""PPF-QSNN: a spiking and a quantum branch on the same image, fused by a learned proportion."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sqnn.core import option
from sqnn.encoding import INPUTS, make_encoder
from sqnn.layers import SpikingRates
from sqnn.models.base import ModelConfig, Network, check_batch
from sqnn.models.front_ends import RatesConfig
from sqnn.models.initial import reset_parameters
from sqnn.models.quantum_head import HeadConfig, QuantumHead, make_circuit, make_head

ANGLES = 3
"""Data angles of a wire."""


@dataclass(frozen=True, kw_only=True)
class PPFQSNNConfig(HeadConfig, RatesConfig):
    """Every choice of the PPF-QSNN. Raises ConfigError, naming the field, on a value that builds no network."""

    encoding: str = option("rate", "how pixels become spikes; frames of recordings are", among=INPUTS)


class QuantumBranch(QuantumHead):
    """A circuit on the image itself: images [batch, channels, height, width] in [0, 1] -> logits [batch, num_classes].

    The mean over channels (and over the frames of a recording) is averaged over 3 x n_qubits cells, three rows and a
    column for each wire, whose cells from top to bottom are its angles in units of `angle_scale`.
    """

    def __init__(self, config: PPFQSNNConfig, generator: torch.Generator) -> None:
        super().__init__()
        self.config = config
        self.circuit = make_circuit(config, generator)
        self.head = make_head(config, self.circuit.n_outputs)

    def angles(self, images: Tensor) -> Tensor:
        """Return the data angles [batch, 3 n_qubits] in radians, in [0, angle_scale] for images in [0, 1]."""
        grey = images.flatten(1, -3).mean(1)
        cells = F.adaptive_avg_pool2d(grey, (ANGLES, self.circuit.n_inputs // ANGLES))
        return self.config.angle_scale * cells.transpose(1, 2).flatten(1)

    def forward(self, images: Tensor, generator: torch.Generator | None = None) -> Tensor:
        return self.classify(self.angles(images), generator)


class PPFQSNN(Network):
    """Parallel spiking-quantum network: images [batch, channels, height, width] in [0, 1] -> logits.

    Both branches see the image: logits = p * spiking + (1 - p) * quantum, [batch, num_classes], with a learned
    `proportion` p = sigmoid(mixing) in (0, 1), which starts at 1/2. The spiking branch encodes the image, passes
    spiking layers, and reads the rates of the last ones by a linear layer; the quantum branch is `QuantumBranch`. One
    loss trains both.

    Source: Xu et al., "Parallel proportional fusion of spiking quantum neural network", arXiv 2404.01359 (Applied
    Intelligence, 2024), for the two branches, Poisson spikes and leaky neurons, and outputs fused in proportion. Of the
    rest its public abstract says nothing; these are this package's own choices: the proportion is learned, the spiking
    layers are convolutions (`layers` dense has linear layers on the pixels; batch norms either way), and the circuit is
    that of the SQDR-CNN, on averages over the image.
    """

    config_class: ClassVar[type[ModelConfig]] = PPFQSNNConfig
    parts: ClassVar[Mapping[str, str]] = {
        **{"frontend": "spiking", "classifier": "spiking", "circuit": "quantum", "head": "classical"},
        **{"mixing": "classical"},
    }
    training_defaults: ClassVar[Mapping[str, str | float]] = MappingProxyType(
        {"batch_size": 32, "learning_rate": 0.015}
    )
    scale_field: ClassVar[str | None] = "channels"
    config: PPFQSNNConfig

    def __init__(self, config: PPFQSNNConfig, generator: torch.Generator | None = None) -> None:
        super().__init__(config)
        generator = torch.Generator().manual_seed(0) if generator is None else generator
        self.encoder = make_encoder(config.encoding, config.timesteps)
        self.frontend = SpikingRates(
            config.in_channels, config.image_size, config.widths, config.make_neuron, config.layers
        )
        self.classifier = nn.Linear(config.widths[-1], config.num_classes)
        self.quantum = QuantumBranch(config, generator)
        self.mixing = nn.Parameter(torch.zeros(()))
        reset_parameters(self, generator)

    @property
    def proportion(self) -> Tensor:
        """Share p of the spiking branch in the logits, in (0, 1)."""
        return torch.sigmoid(self.mixing)

    def forward(self, images: Tensor, generator: torch.Generator | None = None) -> Tensor:
        check_batch(images, self.config, self.classifier.weight.dtype)
        spiking: Tensor = self.classifier(self.frontend(self.encoder.encode(images, generator)))
        p = self.proportion
        return p * spiking + (1 - p) * self.quantum(images, generator)
