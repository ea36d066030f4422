"""SQDR network of separable spiking stages: what is reached with a few hundred parameters."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from sqnn.core import option, require, when_small
from sqnn.encoding import Direct
from sqnn.layers import SeparableCNN
from sqnn.models.base import ModelConfig, Network, check_batch
from sqnn.models.initial import reset_parameters
from sqnn.models.quantum_head import HeadConfig, QuantumHead, make_circuit, make_head

STAGES_OF_LARGE_IMAGES = (3, 4, 4, 3), (1, 2, 2, 1)
STAGES_OF_SMALL_IMAGES = (3, 2, 2, 2), (1, 2, 1, 1)
"""Windows and strides of up to four stages for images of LARGE_SIDE pixels or more, and for smaller ones."""
LARGE_SIDE = 20


@dataclass(frozen=True, kw_only=True)
class SQDRSeparableConfig(HeadConfig, ModelConfig):
    """Every choice of the separable network; by default 788 parameters for 28 x 28 pixels and ten classes.

    Raises ConfigError, naming the field, on a value that builds no network.
    """

    channels: tuple[int, ...] = option((4, 5, 7), "widths of the stages but the last, which has 3 n_qubits", least=1)
    kernels: tuple[int, ...] | None = option(
        None, "side of the window of each stage in pixels (default: 3, 4, 4, 3; of small images 3, 2, 2, 2)", least=1
    )
    strides: tuple[int, ...] | None = option(
        None, "stride of each stage (default: 1, 2, 2, 1; of small images 1, 2, 1, 1)", least=1
    )
    timesteps: int = option(16, "time steps", least=1)
    analog: float = option(
        0.9, "share of the training, from its start, in which neurons give rates in place of spikes", least=0, most=1
    )
    norm_scale: float | None = option(
        None, "standard deviation of the normed currents in thresholds, of all channels (default: trained)", above=0
    )
    n_qubits: int = option(7, "qubits of the circuit", least=1)
    angle_scale: float = option(4.0, "radians that a readout of 1 turns", above=0)

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels of each stage."""
        return (*self.channels, 3 * self.n_qubits)

    @property
    def windows(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Sides of the windows, and strides, of each stage."""
        stages = len(self.channels) + 1
        kernels, strides = STAGES_OF_LARGE_IMAGES if min(self.image_size) >= LARGE_SIDE else STAGES_OF_SMALL_IMAGES
        return (
            kernels[:stages] if self.kernels is None else self.kernels,
            strides[:stages] if self.strides is None else self.strides,
        )

    def validate(self) -> None:
        super().validate()
        stages = len(self.channels) + 1
        for name, value in zip(("kernels", "strides"), self.windows, strict=True):
            require(len(value) == stages, name, value, f"{stages} numbers, one per stage: channels has {stages - 1}")
        kernels, strides = self.windows
        least = 1
        for kernel, stride in zip(reversed(kernels), reversed(strides), strict=True):
            least = (least - 1) * stride + kernel
        wanted = f"at least {least} x {least} pixels for kernels {kernels} and strides {strides}"
        require(min(self.image_size) >= least, "image_size", self.image_size, wanted)


class SQDRSeparable(QuantumHead, Network):
    """Spiking-quantum network of few parameters: images [batch, channels, height, width] in [0, 1] -> logits.

    image as a constant current -> spiking stages (separable convolutions) -> angles = angle_scale * readout of the
    rates, place by place -> circuit -> <Z> [batch, n_qubits] -> head -> logits [batch, num_classes]. Spikes alone pass
    from stage to stage, and expectations alone reach the head.

    For the share `analog` of a training the neurons give the rates that spikes would tend to, at a fraction of the
    time; the rest of it is trained with spikes, on the gradient of the rates (`sqnn.layers.RateTrainedStage`). Outside
    `learn` the network always spikes. Source of head and circuit: SQDR-CNN, arXiv 2512.03895; the front-end is ours.
    """

    config_class: ClassVar[type[ModelConfig]] = SQDRSeparableConfig
    parts: ClassVar[Mapping[str, str]] = {"frontend": "spiking", "circuit": "quantum", "head": "classical"}
    training_defaults: ClassVar[Mapping[str, str | float]] = MappingProxyType({"learning_rate": 0.012})
    scale_field: ClassVar[str | None] = "channels"
    config: SQDRSeparableConfig

    def __init__(self, config: SQDRSeparableConfig, generator: torch.Generator | None = None) -> None:
        Network.__init__(self, config)
        generator = torch.Generator().manual_seed(0) if generator is None else generator
        self.circuit = make_circuit(config, generator)
        self.encoder = Direct(config.timesteps)
        self.frontend = SeparableCNN(
            config.in_channels,
            config.image_size,
            config.widths,
            *config.windows,
            config.timesteps,
            config.norm_scale,
        )
        self.head = make_head(config)
        self.frontend.reset_parameters(generator)
        if self.head is not None:
            reset_parameters(self.head, generator)

    def angles(self, images: Tensor, generator: torch.Generator | None = None, spiking: bool = True) -> Tensor:
        """Return the data angles [batch, 3 n_qubits] in radians that the circuit reads for these images."""
        c = self.config
        check_batch(images, c, self.frontend.readout.bias.dtype)
        current = self.encoder.encode(images, generator)[0]
        work = len(images) * math.prod(c.image_size) * c.widths[0] * (c.timesteps if spiking else 1)
        return when_small(work, lambda images: c.angle_scale * self.frontend(images, spiking), current)

    def forward(self, images: Tensor, generator: torch.Generator | None = None) -> Tensor:
        return self.classify(self.angles(images, generator), generator)

    def learn(
        self, images: Tensor, labels: Tensor, generator: torch.Generator | None = None, progress: float = 0.0
    ) -> tuple[Tensor, Tensor]:
        logits = self.classify(self.angles(images, generator, progress >= self.config.analog), generator)
        return logits, F.cross_entropy(logits, labels)
