"""SQDR-CNN: a spiking convolutional front-end, a data re-upload circuit and a small classical head."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor

from sqnn.core import when_small
from sqnn.encoding import make_encoder
from sqnn.layers import SpikingCNN
from sqnn.models.base import ModelConfig, Network, check_batch
from sqnn.models.front_ends import SpikingFrontEndConfig
from sqnn.models.initial import reset_parameters
from sqnn.models.quantum_head import HeadConfig, QuantumHead, make_circuit, make_head

if TYPE_CHECKING:
    from circuits import QuantumLayer, ReuploadLayer


@dataclass(frozen=True, kw_only=True)
class SQDRCNNConfig(HeadConfig, SpikingFrontEndConfig):
    """Every choice of the SQDR-CNN; by default 803 parameters for one channel and ten classes, as published.

    The published network reads the front-end by the spikes of a last neuron, whose angles go silent in many trainings;
    readout `membrane`, the default, has as many parameters and trains steadily (docs/results/sqdr-cnn.md).

    Raises ConfigError, naming the field, on a value that builds no network. Source: SQDR-CNN, arXiv 2512.03895.
    """


class SQDRCNN(QuantumHead, Network):
    """Spiking-quantum data re-upload network: images [batch, channels, height, width] in [0, 1] -> logits.

    With encoding `frames` it takes recordings [batch, time, channels, height, width], frame by frame.

    encode -> spiking blocks -> angles = angle_scale * readout [batch, 3 n_qubits] -> circuit -> <Z> [batch, n_qubits]
    -> head -> logits [batch, num_classes]. Random encoders and shots draw from the `generator` passed to
    `forward`; every other configuration is deterministic. The front-end emits 3 n_qubits angles, which is what the
    circuit reads.

    Source: SQDR-CNN, arXiv 2512.03895; the angles are scaled to radians and neurons start afresh in every call.
    """

    config_class: ClassVar[type[ModelConfig]] = SQDRCNNConfig
    parts: ClassVar[Mapping[str, str]] = {"frontend": "spiking", "circuit": "quantum", "head": "classical"}
    training_defaults: ClassVar[Mapping[str, str | float]] = MappingProxyType(
        {"batch_size": 32, "learning_rate": 0.015}
    )
    scale_field: ClassVar[str | None] = "channels"
    config: SQDRCNNConfig

    def __init__(self, config: SQDRCNNConfig, generator: torch.Generator | None = None) -> None:
        Network.__init__(self, config)
        generator = torch.Generator().manual_seed(0) if generator is None else generator
        self._build(make_circuit(config, generator), generator)

    def _build(self, circuit: ReuploadLayer | QuantumLayer, generator: torch.Generator) -> None:
        """Make the parts around a circuit, and draw their weights."""
        config = self.config
        self.encoder = make_encoder(config.encoding, config.timesteps)
        self.frontend = SpikingCNN(
            config.in_channels, config.widths, circuit.n_inputs, config.make_neuron, config.readout
        )
        self.circuit = circuit
        self.head = make_head(config, circuit.n_outputs)
        reset_parameters(self.frontend, generator)
        if self.head is not None:
            reset_parameters(self.head, generator)

    def angles(self, images: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Return the data angles [batch, 3 n_qubits] in radians that the circuit reads for these images."""
        check_batch(images, self.config, self.frontend.linear.weight.dtype)
        c = self.config
        work = len(images) * math.prod(c.image_size) * c.timesteps * c.widths[0]
        return when_small(
            work, lambda images: c.angle_scale * self.frontend(self.encoder.encode(images, generator)), images
        )

    def forward(self, images: Tensor, generator: torch.Generator | None = None) -> Tensor:
        return self.classify(self.angles(images, generator), generator)


class OwnCircuitSQDRCNN(SQDRCNN):
    """SQDR-CNN with a circuit of one's own: the front-end emits what it reads, the head takes what it returns.

    `circuit` is a `QuantumLayer` or a `ReuploadLayer`; what the configuration says of circuits goes unused. No file
    holds a circuit, so this is a network of one's own for `fit`, `save_model` and `load_model`, which takes what makes
    it.
    """

    def __init__(
        self, config: SQDRCNNConfig, circuit: ReuploadLayer | QuantumLayer, generator: torch.Generator | None = None
    ) -> None:
        Network.__init__(self, config)
        self._build(circuit, torch.Generator().manual_seed(0) if generator is None else generator)
