"""SQDR-CNN: a spiking convolutional front-end, a data re-upload circuit and a small classical head."""

from __future__ import annotations

import copy
import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor, nn

from circuits import DIFF_METHODS, ENGINES, ENTANGLERS, INITIALS
from circuits.engines import MAX_STATE_VECTOR_QUBITS, STATE_VECTOR_DEVICES
from sqnn.core import ConfigError, option, require, when_small
from sqnn.encoding import FRAMES, INPUTS, make_encoder
from sqnn.layers import READOUTS, SpikingCNN
from sqnn.models.base import ModelConfig, Network, check_batch
from sqnn.models.initial import reset_parameters
from sqnn.neurons import NeuronConfig

if TYPE_CHECKING:
    from qiskit.providers import BackendV2
    from qiskit_aer.noise import NoiseModel

    from circuits import ReuploadLayer
    from noise_models import Noise

NO_NOISE = "none"


@dataclass(frozen=True, kw_only=True)
class FrontEndConfig(ModelConfig):
    """Choices of the spiking front-end, beside those of its neurons."""

    takes_recordings: ClassVar[bool] = True

    channels: tuple[int, ...] | None = option(
        None, "widths of the blocks (default: 2c, 4c, 8c for c input channels)", least=1
    )
    encoding: str = option("phase", "how pixels become spikes; frames of recordings are", among=INPUTS)
    timesteps: int = option(8, "steps of the spiking front-end; a multiple of 8 for the phase encoding", least=1)

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels of each block."""
        return self.channels or tuple(self.in_channels * factor for factor in (2, 4, 8))

    @property
    def frames(self) -> int | None:
        return self.timesteps if self.encoding == FRAMES else None

    def validate(self) -> None:
        super().validate()
        require(self.channels != (), "channels", self.channels, "one or more positive widths")
        least, blocks = 2 ** len(self.widths), len(self.widths)
        side = str(least) if blocks < 20 else f"2^{blocks}"
        wanted = f"at least {side} x {side} pixels for {blocks} pooling blocks"
        require(min(self.image_size) >= least, "image_size", self.image_size, wanted)
        try:
            make_encoder(self.encoding, self.timesteps)
        except ValueError as error:
            require(False, "timesteps", self.timesteps, f"what the encoding takes ({error})")


@dataclass(frozen=True, kw_only=True)
class SQDRCNNConfig(NeuronConfig, FrontEndConfig):
    """Every choice of the SQDR-CNN; by default 803 parameters for one channel and ten classes, as published.

    The published network reads the front-end by the spikes of a last neuron, whose angles go silent in many trainings;
    readout `membrane`, the default, has as many parameters and trains steadily (docs/results/sqdr-cnn.md).

    Raises ConfigError, naming the field, on a value that builds no network. Source: SQDR-CNN, arXiv 2512.03895.
    """

    readout: str = option("membrane", "what the front-end is read by (as published: spike)", among=READOUTS)
    angle_scale: float = option(math.pi, "radians that a readout of 1 turns", above=0)
    n_qubits: int = option(9, "qubits of the circuit", least=1)
    n_blocks: int = option(2, "re-upload blocks of the circuit", least=1)
    entangler: str = option("ring", "CZ layer between blocks", among=ENTANGLERS)
    initial: str = option("uniform", "initial circuit weights", among=INITIALS)
    engine: str = option("lightcone", "who evaluates the circuit", among=ENGINES)
    noise: str = option(
        NO_NOISE, "noise of the circuit, also in training: depolarizing:0.01, paper, torino, x.json, ..."
    )
    shots: int | None = option(None, "shots an expectation is estimated from (default: exact expectations)", least=1)
    device: str = option(
        "default.qubit", "PennyLane device (engine pennylane only; under noise default.mixed takes its place)"
    )
    diff_method: str = option("best", "PennyLane gradient (engine pennylane only)", among=DIFF_METHODS)
    mlp: bool = option(True, "classical head on the expectations; without it the first ones are the logits")
    mlp_hidden: tuple[int, ...] = option((), "widths of hidden layers of the head", least=1)
    logit_scale: float = option(5.0, "factor from expectations to logits where there is no head", above=0)

    def validate(self) -> None:
        super().validate()
        enough = f"at least num_classes = {self.num_classes} where mlp is off"
        require(self.mlp or self.n_qubits >= self.num_classes, "n_qubits", self.n_qubits, enough)
        if self.engine == "pennylane":
            few = self.device not in STATE_VECTOR_DEVICES or self.n_qubits <= MAX_STATE_VECTOR_QUBITS
            most = f"at most {MAX_STATE_VECTOR_QUBITS} with engine pennylane on {self.device}"
            require(few, "n_qubits", self.n_qubits, most)
            seeded = "the engine lightcone or aer: PennyLane's devices cannot be seeded anew, so no run resumes"
            require(self.shots is None, "shots", self.shots, seeded)
        noise = self.circuit_noise()
        if noise is not None and self.noise.strip().endswith(".json"):
            # What is stored with the network must not depend on a file elsewhere.
            object.__setattr__(self, "noise", noise.to_json())

    def circuit_noise(self) -> Noise | None:
        """Return the noise that the circuit is evaluated under; ConfigError where the specification makes none."""
        if self.noise == NO_NOISE:
            return None  # without building a register that another check refuses
        from circuits import DataReupload, resolve_noise

        try:
            return resolve_noise(self.noise, DataReupload(self.n_qubits, self.n_blocks, self.entangler))
        except ValueError as error:
            raise ConfigError(str(error)) from error


class SQDRCNN(Network):
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
    config: SQDRCNNConfig
    circuit: ReuploadLayer

    def __init__(self, config: SQDRCNNConfig, generator: torch.Generator | None = None) -> None:
        from circuits import ReuploadLayer

        super().__init__(config)
        generator = torch.Generator().manual_seed(0) if generator is None else generator
        self.encoder = make_encoder(config.encoding, config.timesteps)
        n_angles = 3 * config.n_qubits
        self.frontend = SpikingCNN(config.in_channels, config.widths, n_angles, config.make_neuron, config.readout)
        noise = config.circuit_noise()
        engine_options: dict[str, int | str] = {} if config.shots is None else {"shots": config.shots}
        if config.engine == "pennylane":
            engine_options["diff_method"] = config.diff_method
            if noise is None or config.device != "default.qubit":
                engine_options["device"] = config.device
        self.circuit = ReuploadLayer(
            config.n_qubits,
            config.n_blocks,
            config.entangler,
            engine=config.engine,
            noise=noise,
            initial=config.initial,
            generator=generator,
            **engine_options,
        )
        self.head = self._make_head() if config.mlp else None
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

    def classify(self, angles: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Return the logits [batch, num_classes] for data angles [batch, 3 n_qubits] in radians."""
        # Where a trainer halves the precision, the circuit and what is read of it keep that of the weights.
        expectations: Tensor = self.circuit(angles.to(self.circuit.weights.dtype), generator)
        if self.head is None:
            return self.config.logit_scale * expectations[:, : self.config.num_classes]
        return self.head(expectations)

    def with_engine(self, name: str, **options: object) -> SQDRCNN:
        """Return a network that shares these weights and has its circuit evaluated by another engine, noise and all.

        Raises ValueError on an unknown engine or option.
        """
        return self._with_circuit(self.circuit.with_engine(name, **options))

    def with_noise(
        self,
        noise: Noise | NoiseModel | BackendV2 | str | None,
        engine: str | None = None,
        shots: int | None = None,
        **options: object,
    ) -> SQDRCNN:
        """Return a network that shares these weights and has its circuit evaluated under noise; None takes it away.

        `noise`, `engine`, `shots` and `options` are those of `ReuploadLayer.with_noise`. The configuration of the new
        network says so too: trained on or saved, it keeps this noise. Raises ValueError on noise that is not physical,
        does not exist or touches no instruction of the circuit.
        """
        other = self._with_circuit(self.circuit.with_noise(noise, engine, shots, **options))
        resolved = other.circuit.noise
        text = NO_NOISE if resolved is None else noise if isinstance(noise, str) else resolved.to_json()
        other.config = dataclasses.replace(self.config, noise=text)
        return other

    def _with_circuit(self, circuit: ReuploadLayer) -> SQDRCNN:
        other = copy.copy(self)
        other._modules = {**self._modules, "circuit": circuit}
        return other

    def _make_head(self) -> nn.Sequential:
        widths = [self.config.n_qubits, *self.config.mlp_hidden, self.config.num_classes]
        layers: list[nn.Module] = []
        for before, after in pairwise(widths):
            layers += [nn.Linear(before, after), nn.ReLU()]
        return nn.Sequential(*layers[:-1])
