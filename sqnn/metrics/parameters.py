"""Trainable parameters of a network, by part."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass

from torch import nn

from circuits import QuantumLayer, ReuploadLayer
from sqnn.conversion import SpikingNetwork
from sqnn.models import HasNetwork, libraries_of, network_of, require_network
from sqnn.neurons import Neuron


@dataclass(frozen=True)
class ParameterCount:
    """Trainable parameters by part.

    `quantum` counts the allocated circuit weights, `quantum_effective` those that can change an expectation;
    `total` and `effective` are the sums over all parts with the one and with the other.
    """

    spiking: int
    quantum: int
    quantum_effective: int
    classical: int

    @property
    def total(self) -> int:
        """All allocated trainable parameters."""
        return self.spiking + self.quantum + self.classical

    @property
    def effective(self) -> int:
        """All trainable parameters that can change the output."""
        return self.spiking + self.quantum_effective + self.classical

    def __str__(self) -> str:
        dead = f" (of which {self.quantum_effective:,} can change the output)" if self.effective < self.total else ""
        return f"{self.total:,}: {self.spiking:,} spiking, {self.quantum:,} quantum{dead}, {self.classical:,} classical"

    def to_dict(self) -> dict[str, int]:
        """Return the counts, sums included, as a mapping."""
        return {**asdict(self), "total": self.total, "effective": self.effective}

    def _repr_html_(self) -> str:
        rows = "".join(f"<tr><td>{k.replace('_', ', ')}</td><td>{v:,}</td></tr>" for k, v in self.to_dict().items())
        return f"<table><tr><th>part</th><th>parameters</th></tr>{rows}</table>"


def count(model: nn.Module | HasNetwork) -> ParameterCount:
    """Count the trainable parameters of a network, or of that of a run, by the parts that its class declares.

    `parts` of the class maps names of modules to spiking, quantum or classical. A parameter is of the kind of the first
    component of its dotted name that is there: with {"ann": "classical", "snn": "spiking"} the weight
    `stages.0.snn.conv.weight` is spiking. A converted network, whose own parameters are frozen, counts those of its
    source, all as spiking.

    In a network whose class declares no parts, weights of circuits (this package's and PennyLane's) are quantum, and
    all others spiking where it has spiking neurons (of this package, snnTorch, SpikingJelly, Norse or sinabs), else
    classical.

    Raises ValueError when a trainable parameter belongs to no declared part.
    """
    model = require_network(network_of(model))
    numbers = {"spiking": 0, "quantum": 0, "classical": 0}
    parts: Mapping[str, str] | None = getattr(model, "parts", None)
    guessed = _kinds(model) if parts is None else {}
    for name, parameter in _learned(model):
        declared = guessed.get(name, [])
        if parts is not None:
            declared = [parts[component] for component in name.split(".") if component in parts]
        if not declared:
            raise ValueError(
                f"model: {type(model).__name__} declares no part for its parameter {name}; "
                f'say in the class: parts = {{"{name.split(".")[0]}": "classical"}}, or "spiking" or "quantum"'
            )
        numbers[declared[0]] += parameter.numel()
    dead = sum(
        layer.circuit.n_parameters - layer.n_effective_weights
        for layer in model.modules()
        if isinstance(layer, ReuploadLayer) and layer.weights.requires_grad
    )
    return ParameterCount(numbers["spiking"], numbers["quantum"], numbers["quantum"] - dead, numbers["classical"])


def _kinds(model: nn.Module) -> dict[str, list[str]]:
    """Return the kind of each parameter of a network that declares no parts."""
    spiking = bool(libraries_of(model)) or any(isinstance(part, Neuron) for part in model.modules())
    circuits = {path for path, part in model.named_modules() if is_circuit(part)}
    return {
        name: ["quantum" if _parents(name) & circuits else "spiking" if spiking else "classical"]
        for name, _ in model.named_parameters()
    }


def _parents(name: str) -> set[str]:
    """Return the modules that a parameter is in, by their dotted names."""
    parts = name.split(".")
    return {".".join(parts[:depth]) for depth in range(len(parts))}


def is_circuit(part: nn.Module) -> bool:
    """Say whether a part of a network is a circuit, of this package or of PennyLane."""
    return isinstance(part, ReuploadLayer | QuantumLayer) or type(part).__module__.startswith("pennylane.")


def _learned(model: nn.Module) -> Iterator[tuple[str, nn.Parameter]]:
    if isinstance(model, SpikingNetwork):
        return model.learned_parameters()
    return ((name, parameter) for name, parameter in model.named_parameters() if parameter.requires_grad)
