"""The quantum head of a network: a data re-upload circuit, and a small classical head on its expectations."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Self

import torch
from torch import Tensor, nn

from circuits import (
    ALIASES,
    DIFF_METHODS,
    ENTANGLERS,
    GATES,
    INITIALS,
    OBSERVABLES,
    SCALINGS,
    named,
    observable_text,
    words_of,
)
from circuits.engines import ENGINE_NAMES, MAX_STATE_VECTOR_QUBITS, STATE_VECTOR_DEVICES
from sqnn.core import Config, ConfigError, brief, option, require

if TYPE_CHECKING:
    from qiskit.providers import BackendV2
    from qiskit_aer.noise import NoiseModel

    from circuits import DataReupload, QuantumLayer, ReuploadLayer
    from noise_models import Noise

NO_NOISE = "none"
CIRCUIT_FIELDS = (
    *("n_qubits", "n_blocks", "entangler", "entangling_gate", "data_scaling", "observable", "initial", "engine"),
    *("noise", "shots", "device", "diff_method"),
)
"""Fields of a configuration that say what the circuit is and who evaluates it."""
PENNYLANE: Mapping[str, tuple[str, ...]] = MappingProxyType({"engine": ("pennylane",)})
"""Where options of PennyLane have an effect."""
ACCELERATORS = ("auto", "cpu", "cuda", "gpu", "mps", "tpu")
"""What torch and Lightning call a device, which is often looked for under `device`."""


@contextlib.contextmanager
def _config_errors() -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        raise error if isinstance(error, ConfigError) else ConfigError(str(error)) from error


@dataclass(frozen=True, kw_only=True)
class HeadConfig(Config):
    """Every choice of a quantum head. Raises ConfigError, naming the field, on a value that builds none."""

    num_classes: int = option(10, "number of classes", least=2)
    angle_scale: float = option(math.pi, "radians that a readout of 1 turns", above=0)
    n_qubits: int = option(9, "qubits of the circuit", least=1)
    n_blocks: int = option(2, "re-upload blocks of the circuit", least=1)
    entangler: str = option(
        "ring", f"wires joined between blocks: {', '.join((*ENTANGLERS, *ALIASES))}, or pairs: 0-1,2-3"
    )
    entangling_gate: str = option("cz", "gate on joined wires; crz has trainable angles", among=GATES)
    data_scaling: str = option("none", "trainable factors of the data in every block", among=SCALINGS)
    observable: str = option("Z", f"what is read: {', '.join(OBSERVABLES)}, words such as X0 Z2, several with commas")
    initial: str = option("uniform", "initial circuit weights", among=INITIALS)
    engine: str = option("lightcone", "who evaluates the circuit", among=ENGINE_NAMES)
    noise: str = option(
        NO_NOISE, "noise of the circuit, also in training: depolarizing:0.01, paper, torino, x.json, ..."
    )
    shots: int | None = option(None, "shots an expectation is estimated from (default: exact expectations)", least=1)
    device: str = option(
        "default.qubit",
        "PennyLane device of the circuit (engine pennylane only; under noise default.mixed takes its place)",
        where=PENNYLANE,
    )
    diff_method: str = option("best", "PennyLane gradient (engine pennylane only)", among=DIFF_METHODS, where=PENNYLANE)
    mlp: bool = option(True, "classical head on the expectations; without it the first ones are the logits")
    mlp_hidden: tuple[int, ...] = option((), "widths of hidden layers of the head", least=1, where={"mlp": (True,)})
    logit_scale: float = option(
        5.0, "factor from expectations to logits where there is no head", above=0, where={"mlp": (False,)}
    )

    def __post_init__(self) -> None:
        # As text, pairs of wires and several observables are options of a command, and parts of a file.
        with _config_errors():
            if isinstance(self.entangler, list | tuple):
                object.__setattr__(self, "entangler", named(self.entangler))
            if isinstance(self.observable, list | tuple):
                object.__setattr__(self, "observable", observable_text(self.observable))
        accelerator = isinstance(self.device, str) and self.device.lower().partition(":")[0] in ACCELERATORS
        expected = (
            "a PennyLane device, which evaluates the circuit with engine pennylane, such as default.qubit; what "
            "trains is chosen by --accelerator gpu, in Python by trainer={'accelerator': 'gpu'}"
        )
        require(not accelerator, "device", self.device, expected)
        super().__post_init__()

    def validate(self) -> None:
        super().validate()
        with _config_errors():
            name = named(self.entangler)
            if name not in ENTANGLERS or self.observable != "Z":
                words_of(self.observable, self.register)
        enough = f"at least num_classes = {self.num_classes} where mlp is off"
        require(self.mlp or self.n_outputs >= self.num_classes, "n_qubits", self.n_qubits, enough)
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

    @property
    def register(self) -> DataReupload:
        """The circuit as a description."""
        from circuits import DataReupload

        return DataReupload(self.n_qubits, self.n_blocks, self.entangler, self.entangling_gate, self.data_scaling)

    @property
    def n_outputs(self) -> int:
        """Expectations that the circuit gives."""
        return self.n_qubits if self.observable == "Z" else len(words_of(self.observable, self.register))

    def circuit_noise(self) -> Noise | None:
        """Return the noise that the circuit is evaluated under; ConfigError where the specification makes none."""
        if self.noise == NO_NOISE:
            return None  # without building a register that another check refuses
        from circuits import resolve_noise

        with _config_errors():
            return resolve_noise(self.noise, self.register)


class QuantumHead(nn.Module):
    """What a network with a quantum head has: `config`, `circuit`, and `head`, which may be None."""

    config: HeadConfig
    circuit: ReuploadLayer | QuantumLayer
    head: nn.Module | None

    def classify(self, angles: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Return the logits [batch, num_classes] for data angles [batch, 3 n_qubits] in radians."""
        # Where a trainer halves the precision, the circuit and what is read of it keep that of the weights.
        precision = next((weight.dtype for weight in self.circuit.parameters()), angles.dtype)
        expectations: Tensor = self.circuit(angles.to(precision), generator)
        if self.head is None:
            return self.config.logit_scale * expectations[:, : self.config.num_classes]
        return self.head(expectations)

    def with_engine(self, name: str, **options: object) -> Self:
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
    ) -> Self:
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

    def _with_circuit(self, circuit: ReuploadLayer | QuantumLayer) -> Self:
        other = copy.copy(self)
        other._modules = {**self._modules, "circuit": circuit}
        return other


def own_circuit(circuit: object, options: Mapping[str, object]) -> ReuploadLayer | QuantumLayer:
    """Return a circuit of one's own; ConfigError where it is no layer, or options are of the circuit it replaces."""
    from circuits import QuantumLayer, ReuploadLayer

    if not isinstance(circuit, QuantumLayer | ReuploadLayer):
        raise ConfigError(
            f"circuit: got {brief(circuit)}, expected a layer: circuits.QuantumLayer(function, weight_shapes, n_inputs)"
        )
    for field in options:
        if field in CIRCUIT_FIELDS:
            raise ConfigError(f"{field}: got {brief(options[field])} beside circuit, which has its own; leave it out")
    return circuit


def make_circuit(config: HeadConfig, generator: torch.Generator) -> ReuploadLayer:
    """Build the circuit, its weights drawn from `generator`."""
    from circuits import ReuploadLayer

    noise = config.circuit_noise()
    engine_options: dict[str, Any] = {} if config.shots is None else {"shots": config.shots}
    if config.observable != "Z":
        engine_options["observable"] = config.observable
    if config.engine == "pennylane":
        engine_options["diff_method"] = config.diff_method
        if noise is None or config.device != "default.qubit":
            engine_options["device"] = config.device
    return ReuploadLayer(
        config.n_qubits,
        config.n_blocks,
        config.entangler,
        entangling_gate=config.entangling_gate,
        data_scaling=config.data_scaling,
        engine=config.engine,
        noise=noise,
        initial=config.initial,
        generator=generator,
        **engine_options,
    )


def make_head(config: HeadConfig, n_outputs: int | None = None) -> nn.Sequential | None:
    """Build the classical head, if the configuration has one; its weights are to be drawn yet.

    It reads `n_outputs` numbers, by default the expectations of the configuration's circuit.
    """
    if not config.mlp:
        return None
    widths = [config.n_outputs if n_outputs is None else n_outputs, *config.mlp_hidden, config.num_classes]
    layers: list[nn.Module] = []
    for before, after in pairwise(widths):
        layers += [nn.Linear(before, after), nn.ReLU()]
    return nn.Sequential(*layers[:-1])
