"""The SQDR-CNN with another core in the place of its circuit, or another front-end, at equal parameters."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from circuits import ENTANGLERS
from sqnn.encoding import check_images, make_encoder
from sqnn.layers import AnalogCNN, SpikingCNN
from sqnn.models.base import ModelConfig, Network, check_batch
from sqnn.models.initial import reset_parameters
from sqnn.models.quantum_head import make_head
from sqnn.models.sqdr_cnn import SQDRCNN, SQDRCNNConfig
from sqnn.models.twins.cores import CORES, EVALUATED, QUANTUM, Made, SQDRTwinConfig


class Parts(NamedTuple):
    """The modules of a twin."""

    front: SpikingCNN | AnalogCNN
    core: Made
    head: nn.Module | None

    @property
    def size(self) -> int:
        """Trainable parameters."""
        modules = [part for part in (self.front, self.core.module, self.head) if part is not None]
        return sum(p.numel() for part in modules for p in part.parameters() if p.requires_grad)


class SQDRTwin(Network):
    """Twin of the SQDR-CNN: images [batch, channels, height, width] in [0, 1] -> logits [batch, num_classes].

    front-end -> angle_scale * numbers x of the image -> core -> head -> logits. The `core` is

    - `linear`: W x + b, as many outputs as the circuit has;
    - `mlp`: tanh(W' relu(W x + b) + b'), hidden units and outputs as many as the circuit has outputs;
    - `trigonometric`: the closed form of the circuit with free coefficients (`Trigonometric`), which contains it;
    - `random-circuit`: the circuit with weights that are drawn and never trained;
    - `identity`: x itself;
    - `circuit`: the circuit, for a twin whose front-end alone is another.

    `front_end` ann has ReLU for the neurons and sees the image once. The numbers that the front-end emits, and with
    them the width of the core, are as many as bring the trainable parameters nearest to those of the SQDR-CNN with the
    same options, unless `core_width` says it: 803 (linear, mlp, circuit), 812 (trigonometric), 796 (identity) and 786
    (random-circuit, of ten qubits) to the published 803.
    """

    config_class: ClassVar[type[ModelConfig]] = SQDRTwinConfig
    parts: ClassVar[Mapping[str, str]] = {
        **{"frontend": "spiking", "ann": "classical", "circuit": "quantum"},
        **{"core": "classical", "head": "classical"},
    }
    training_defaults: ClassVar[Mapping[str, str | float]] = SQDRCNN.training_defaults
    scale_field: ClassVar[str | None] = "channels"
    config: SQDRTwinConfig

    def __init__(self, config: SQDRTwinConfig, generator: torch.Generator | None = None) -> None:
        super().__init__(config)
        generator = torch.Generator().manual_seed(0) if generator is None else generator
        made = _build(config, _width(config), generator)
        # Names tell the kinds of the parts.
        self._front = "ann" if config.front_end == "ann" else "frontend"
        self._core = "circuit" if config.core in QUANTUM else "core"
        self.encoder = make_encoder(config.encoding, config.timesteps)
        self.add_module(self._front, made.front)
        self.add_module(self._core, made.core.module)
        self.head = made.head
        reset_parameters(self, generator)

    def forward(self, images: Tensor, generator: torch.Generator | None = None) -> Tensor:
        c, front, core = self.config, self.get_submodule(self._front), self.get_submodule(self._core)
        precision = next(self.parameters()).dtype
        check_batch(images, c, precision)
        if self._front == "ann":
            check_images(images)
            emitted: Tensor = front(images)
        else:
            emitted = front(self.encoder.encode(images, generator))
        numbers = c.angle_scale * emitted.to(precision)  # a trainer may halve it in the front-end, as of QuantumHead
        values: Tensor = core(numbers, generator) if self._core == "circuit" else core(numbers)
        return c.logit_scale * values[:, : c.num_classes] if self.head is None else self.head(values)


def _build(config: SQDRTwinConfig, width: int, generator: torch.Generator) -> Parts:
    """Make the parts of a twin whose core has this width; their weights, but for those of circuits, are to be drawn."""
    core = CORES[config.core](config, width, generator)
    if config.front_end == "ann":
        front: SpikingCNN | AnalogCNN = AnalogCNN(config.in_channels, config.widths, core.n_inputs)
    else:
        front = SpikingCNN(config.in_channels, config.widths, core.n_inputs, config.make_neuron, config.readout)
    return Parts(front, core, make_head(config, core.n_outputs))


def _width(config: SQDRTwinConfig) -> int:
    """Return the width of the core: as chosen, or the one of the nearest number of parameters, the smaller of two.

    Pairs of wires of one's own are of a circuit of n_qubits.
    """
    own_pairs = config.core in ("random-circuit", "trigonometric") and config.entangler not in ENTANGLERS
    if config.core == "circuit" or (own_pairs and config.core_width is None):
        return config.n_qubits
    if config.core_width is not None:
        return config.core_width
    least = 1 if config.mlp or config.core in ("linear", "mlp") else config.num_classes
    names = {field.name for field in dataclasses.fields(SQDRCNNConfig)} - set(EVALUATED)
    plain = {name: value for name, value in config.to_dict().items() if name in names}
    ideal = SQDRTwinConfig.from_dict({**plain, "core": config.core, "front_end": config.front_end})
    drawn = torch.Generator()
    target = sum(p.numel() for p in SQDRCNN(SQDRCNNConfig.from_dict(plain), drawn).parameters())
    # The count is a straight line in the width.
    first, second = (_build(ideal, width, drawn).size for width in (least, least + 1))
    nearest = least + max(0, (target - first) // (second - first))
    sizes = {width: abs(first + (second - first) * (width - least) - target) for width in (nearest, nearest + 1)}
    return min(sizes, key=lambda width: (sizes[width], width))
