"""SQDR-CNN: a spiking convolutional front-end, a data re-upload circuit and a small classical head."""

from __future__ import annotations

import copy
import dataclasses
import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar

import torch
from qiskit_aer.noise import NoiseModel
from torch import Tensor, nn

from circuits import DIFF_METHODS, ENGINES, ENTANGLERS, INITIALS, DataReupload, ReuploadLayer, resolve_noise
from noise_models import Noise
from sqnn.core import ConfigError, option, require, require_one_of
from sqnn.encoding import ENCODERS, Encoder, make_encoder
from sqnn.layers import READOUTS, SpikingCNN
from sqnn.models.base import ModelConfig
from sqnn.models.initial import reset_parameters
from sqnn.models.inputs import check_batch
from sqnn.neurons import BETA_MARGIN, LIF, MIN_THRESHOLD, NEURONS, RESETS, SURROGATES, make_neuron

NO_NOISE = "none"
STATE_VECTOR_DEVICES = ("default.qubit", "lightning.qubit", "lightning.gpu", "lightning.kokkos")
MAX_STATE_VECTOR_QUBITS = 30
"""Most qubits of a PennyLane state vector: at 16 bytes an amplitude, 30 qubits take 16 GiB for each image."""


@dataclass(frozen=True, kw_only=True)
class SQDRCNNConfig(ModelConfig):
    """Every choice of the SQDR-CNN; the defaults are the paper's (803 parameters for one channel, ten classes).

    Raises ConfigError, naming the field, on a value that builds no network. Source: SQDR-CNN, arXiv 2512.03895.
    """

    channels: tuple[int, ...] | None = option(None, "widths of the blocks (default: 2c, 4c, 8c for c input channels)")
    encoding: str = option("phase", f"how pixels become spikes: {', '.join(ENCODERS)}")
    timesteps: int = option(8, "steps of the spiking front-end; a multiple of 8 for the phase encoding")
    neuron: str = option("if", f"neuron model: {', '.join(NEURONS)}")
    beta: float = option(0.9, "decay of a lif neuron per step, in (0, 1)")
    learn_beta: bool = option(False, "learn one decay per channel (lif only)")
    threshold: float = option(1.0, "firing threshold")
    learn_threshold: bool = option(False, "learn one threshold per channel")
    reset: str = option("subtract", f"what a spike does to the membrane: {', '.join(RESETS)}")
    detach_reset: bool = option(False, "keep the gradient from flowing through the reset")
    initial_membrane: float = option(0.5, "membrane at the first step, in thresholds")
    surrogate: str = option("atan", f"surrogate gradient: {', '.join(SURROGATES)}")
    readout: str = option("spike", f"what the front-end is read by: {', '.join(READOUTS)}")
    angle_scale: float = option(math.pi, "radians that a readout of 1 turns")
    n_qubits: int = option(9, "qubits of the circuit")
    n_blocks: int = option(2, "re-upload blocks of the circuit")
    entangler: str = option("ring", f"CZ layer between blocks: {', '.join(ENTANGLERS)}")
    initial: str = option("uniform", f"initial circuit weights: {', '.join(INITIALS)}")
    engine: str = option("lightcone", f"who evaluates the circuit: {', '.join(ENGINES)}")
    noise: str = option(
        NO_NOISE, "noise of the circuit, also in training: depolarizing:0.01, paper, torino, x.json, ..."
    )
    shots: int | None = option(None, "shots an expectation is estimated from (default: exact expectations)")
    device: str = option(
        "default.qubit", "PennyLane device (engine pennylane only; under noise default.mixed takes its place)"
    )
    diff_method: str = option("best", f"PennyLane gradient (engine pennylane only): {', '.join(DIFF_METHODS)}")
    mlp: bool = option(True, "classical head on the expectations; without it the first ones are the logits")
    mlp_hidden: tuple[int, ...] = option((), "widths of hidden layers of the head")
    logit_scale: float = option(5.0, "factor from expectations to logits where there is no head")

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels of each block."""
        return self.channels or tuple(self.in_channels * factor for factor in (2, 4, 8))

    def validate(self) -> None:
        super().validate()
        for name, valid in (
            ("encoding", ENCODERS),
            ("neuron", NEURONS),
            ("reset", RESETS),
            ("surrogate", SURROGATES),
            ("readout", READOUTS),
            ("entangler", ENTANGLERS),
            ("initial", INITIALS),
            ("engine", ENGINES),
            ("diff_method", DIFF_METHODS),
        ):
            require_one_of(name, getattr(self, name), valid)
        for name in ("timesteps", "n_qubits", "n_blocks"):
            require(getattr(self, name) >= 1, name, getattr(self, name), "at least 1")
        require(
            self.channels is None or (len(self.channels) > 0 and min(self.channels) > 0),
            "channels",
            self.channels,
            "one or more positive widths",
        )
        require(all(width > 0 for width in self.mlp_hidden), "mlp_hidden", self.mlp_hidden, "positive widths")
        require(0 < self.beta < 1, "beta", self.beta, "a decay strictly between 0 and 1")
        require(self.threshold > 0, "threshold", self.threshold, "a positive threshold")
        learned = BETA_MARGIN < self.beta < 1 - BETA_MARGIN
        require(learned or not self.learn_beta, "beta", self.beta, f"at least {BETA_MARGIN:g} from 0 and 1 if learned")
        learned = self.threshold > MIN_THRESHOLD
        require(learned or not self.learn_threshold, "threshold", self.threshold, f"above {MIN_THRESHOLD:g} if learned")
        require(self.angle_scale > 0, "angle_scale", self.angle_scale, "a positive angle in radians")
        require(self.logit_scale > 0, "logit_scale", self.logit_scale, "a positive factor")
        require(not self.learn_beta or self.neuron == "lif", "learn_beta", True, "neuron lif (an if has no decay)")
        smallest = 2 ** len(self.widths)
        require(
            min(self.image_size) >= smallest,
            "image_size",
            self.image_size,
            f"at least {smallest} x {smallest} pixels for {len(self.widths)} pooling blocks",
        )
        require(
            self.mlp or self.n_qubits >= self.num_classes,
            "n_qubits",
            self.n_qubits,
            f"at least num_classes = {self.num_classes} where mlp is off",
        )
        require(
            self.engine != "pennylane"
            or self.device not in STATE_VECTOR_DEVICES
            or self.n_qubits <= MAX_STATE_VECTOR_QUBITS,
            "n_qubits",
            self.n_qubits,
            f"at most {MAX_STATE_VECTOR_QUBITS} with engine pennylane on {self.device}",
        )
        require(self.shots is None or self.shots >= 1, "shots", self.shots, "at least 1, or none at all")
        require(
            self.shots is None or self.engine != "pennylane",
            "shots",
            self.shots,
            "the engine lightcone or aer: PennyLane's devices cannot be seeded anew, so no run could be resumed",
        )
        noise = self.circuit_noise()
        if noise is not None and self.noise.strip().endswith(".json"):
            # What is stored with the network must not depend on a file elsewhere.
            object.__setattr__(self, "noise", noise.to_json())
        try:
            make_encoder(self.encoding, self.timesteps)
        except ValueError as error:
            require(False, "timesteps", self.timesteps, f"what the encoding takes ({error})")

    def circuit_noise(self) -> Noise | None:
        """Return the noise that the circuit is evaluated under; ConfigError where the specification makes none."""
        if self.noise == NO_NOISE:
            return None  # without building a register that another check refuses
        try:
            return resolve_noise(self.noise, DataReupload(self.n_qubits, self.n_blocks, self.entangler))
        except ValueError as error:
            raise ConfigError(str(error)) from error


class SQDRCNN(nn.Module):
    """Spiking-quantum data re-upload network: images [batch, channels, height, width] in [0, 1] -> logits.

    encode -> spiking blocks -> angles = angle_scale * readout [batch, 3 n_qubits] -> circuit -> <Z> [batch, n_qubits]
    -> head -> logits [batch, num_classes]. Random encoders and shots draw from the `generator` passed to
    `forward`; every other configuration is deterministic. The front-end emits 3 n_qubits angles, which is what the
    circuit reads.

    Source: SQDR-CNN, arXiv 2512.03895; the angles are scaled to radians and neurons start afresh in every call.
    """

    config_class: ClassVar[type[ModelConfig]] = SQDRCNNConfig
    parts: ClassVar[dict[str, str]] = {"frontend": "spiking", "circuit": "quantum", "head": "classical"}

    def __init__(self, config: SQDRCNNConfig, generator: torch.Generator | None = None) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0) if generator is None else generator
        self.config = config
        self.encoder: Encoder = make_encoder(config.encoding, config.timesteps)
        n_angles = 3 * config.n_qubits
        self.frontend = SpikingCNN(config.in_channels, config.widths, n_angles, self._make_neuron, config.readout)
        noise = config.circuit_noise()
        engine_options: dict[str, Any] = {} if config.shots is None else {"shots": config.shots}
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
        return self.config.angle_scale * self.frontend(self.encoder.encode(images, generator))

    def forward(self, images: Tensor, generator: torch.Generator | None = None) -> Tensor:
        check_batch(images, self.config, self.frontend.linear.weight.dtype)
        return self.classify(self.angles(images, generator), generator)

    def classify(self, angles: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Return the logits [batch, num_classes] for data angles [batch, 3 n_qubits] in radians."""
        expectations: Tensor = self.circuit(angles, generator)
        if self.head is None:
            return self.config.logit_scale * expectations[:, : self.config.num_classes]
        logits: Tensor = self.head(expectations)
        return logits

    def with_engine(self, name: str, **options: Any) -> SQDRCNN:
        """Return a network that shares these weights and has its circuit evaluated by another engine, noise and all.

        Raises ValueError on an unknown engine or option.
        """
        return self._with_circuit(self.circuit.with_engine(name, **options))

    def with_noise(
        self,
        noise: Noise | NoiseModel | str | None,
        engine: str | None = None,
        shots: int | None = None,
        **options: Any,
    ) -> SQDRCNN:
        """Return a network that shares these weights and has its circuit evaluated under noise; None takes it away.

        `noise`, `engine`, `shots` and `options` are those of `ReuploadLayer.with_noise`. The configuration of the new
        network says so too: trained on or saved, it keeps this noise. Raises ValueError on noise that is not physical,
        does not exist or touches no instruction of the circuit.
        """
        other = self._with_circuit(self.circuit.with_noise(noise, engine, shots, **options))
        found = other.circuit.noise
        written = NO_NOISE if found is None else noise if isinstance(noise, str) else found.to_json()
        other.config = dataclasses.replace(self.config, noise=written)
        return other

    def _with_circuit(self, circuit: ReuploadLayer) -> SQDRCNN:
        other = copy.copy(self)
        other._modules = {**self._modules, "circuit": circuit}
        return other

    def _make_neuron(self, channels: int) -> LIF:
        c = self.config
        leak = {"beta": c.beta, "learn_beta": c.learn_beta} if c.neuron == "lif" else {}
        return make_neuron(
            c.neuron,
            **leak,
            threshold=c.threshold,
            reset=c.reset,
            surrogate=c.surrogate,
            detach_reset=c.detach_reset,
            learn_threshold=c.learn_threshold,
            channels=channels if c.learn_beta or c.learn_threshold else None,
            initial_membrane=c.initial_membrane,
        )

    def _make_head(self) -> nn.Sequential:
        widths = [self.config.n_qubits, *self.config.mlp_hidden, self.config.num_classes]
        layers: list[nn.Module] = []
        for before, after in pairwise(widths):
            layers += [nn.Linear(before, after), nn.ReLU()]
        return nn.Sequential(*layers[:-1])
