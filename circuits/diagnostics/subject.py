"""What a diagnostic looks at: a circuit as a description, or any layer that evaluates one."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn
from torch.func import functional_call

from circuits.diagnostics.draws import random_inputs, random_weights
from circuits.diagnostics.states import states
from circuits.engines.lightcone import LightConeEngine
from circuits.initial import TWO_PI, initial_angles, initial_weights
from circuits.layer import ReuploadLayer
from circuits.quantum_layer import QuantumLayer
from circuits.reupload import DataReupload
from noise_models import whole

Diagnosed = DataReupload | ReuploadLayer | QuantumLayer
"""What diagnostics take; of a layer the shape counts and not the weights, which are drawn anew."""
SCALE_SPREAD = 0.5
"""Standard deviation of the factors of scaled data around 1."""


class Subject(ABC):
    """Random data [samples, n_inputs] and weights [samples, ...] of a circuit, and what it makes of them.

    `counted` weights can reach an output by the gates that there are; `n_blocks` is None where nobody says.
    """

    n_qubits: int
    n_inputs: int
    n_outputs: int
    n_weights: int
    counted: int
    n_blocks: int | None

    @abstractmethod
    def inputs(self, samples: int, generator: torch.Generator) -> Tensor:
        """Draw data x ~ U[0, 2 pi): float64 [samples, n_inputs]."""

    @abstractmethod
    def weights(self, samples: int, initial: str, generator: torch.Generator) -> Tensor:
        """Draw weights by the rule `initial`: float64 [samples, ...]."""

    @abstractmethod
    def outputs(self, inputs: Tensor, weights: Tensor) -> Tensor:
        """Return what is measured [batch, n_outputs] for data [batch, n_inputs] and one set of weights."""

    @abstractmethod
    def states(self, inputs: Tensor, weights: Tensor) -> Tensor:
        """Return the amplitudes [samples, 2^n] for data and weights of each sample's own."""

    @abstractmethod
    def place(self, weight: tuple[int, ...] | int) -> tuple[int, ...]:
        """Return the index of a weight in one set of them; ValueError where it is not there."""


class CircuitSubject(Subject):
    """A description whose data are the same in every block and whose gates have no angles: <Z> by the light cone."""

    def __init__(self, circuit: DataReupload) -> None:
        self.circuit, self.n_qubits, self.n_blocks = circuit, circuit.n_qubits, circuit.n_blocks
        self.n_inputs, self.n_outputs = circuit.n_inputs, circuit.n_qubits
        self.n_weights, self.counted = circuit.n_weights, circuit.n_effective_weights
        self.engine = LightConeEngine(circuit)

    def inputs(self, samples: int, generator: torch.Generator) -> Tensor:
        return random_inputs(self.circuit, samples, generator)

    def weights(self, samples: int, initial: str, generator: torch.Generator) -> Tensor:
        return random_weights(self.circuit, samples, initial, generator)

    def outputs(self, inputs: Tensor, weights: Tensor) -> Tensor:
        return self.engine(inputs, weights)

    def states(self, inputs: Tensor, weights: Tensor) -> Tensor:
        return states(self.circuit, inputs, weights)

    def place(self, weight: tuple[int, ...] | int) -> tuple[int, ...]:
        shape = self.circuit.weight_shape
        if (
            isinstance(weight, int)
            or len(weight) != 3
            or not all(0 <= k < n for k, n in zip(weight, shape, strict=True))
        ):
            raise ValueError(f"weight: got {weight}, expected (block, wire, angle) below {shape} in every circuit")
        return tuple(weight)  # type: ignore[arg-type]


class LayerSubject(Subject):
    """A layer; one set of weights are all its parameters, one after the other, [n_weights]."""

    def __init__(self, layer: ReuploadLayer | QuantumLayer) -> None:
        self.layer, self.n_inputs, self.n_outputs = layer, layer.n_inputs, layer.n_outputs
        self.parameters = {name: value.shape for name, value in layer.named_parameters()}
        self.n_weights = sum(map(math.prod, self.parameters.values()))
        if isinstance(layer, ReuploadLayer):
            self.n_qubits, self.n_blocks = layer.circuit.n_qubits, layer.circuit.n_blocks
            self.counted = layer.n_effective_weights
        else:
            self.n_qubits, self.n_blocks, self.counted = layer.n_qubits, None, self.n_weights

    def inputs(self, samples: int, generator: torch.Generator) -> Tensor:
        return torch.rand(samples, self.n_inputs, generator=generator, dtype=torch.float64) * TWO_PI

    def weights(self, samples: int, initial: str, generator: torch.Generator) -> Tensor:
        return torch.stack([self._drawn(initial, generator) for _ in range(samples)])

    def _drawn(self, initial: str, generator: torch.Generator) -> Tensor:
        parts = []
        for name, shape in self.parameters.items():
            if name == "scales":
                drawn = 1 + SCALE_SPREAD * torch.randn(shape, generator=generator, dtype=torch.float64)
            elif name == "couplings":
                drawn = initial_angles(initial, (shape[0], shape[1]), generator)
            else:
                drawn = initial_weights(initial, shape, generator)  # type: ignore[arg-type]
            parts.append(drawn.flatten())
        return torch.cat(parts) if parts else torch.zeros(0, dtype=torch.float64)

    def _named(self, weights: Tensor, prefix: str = "") -> dict[str, Tensor]:
        pieces = weights.split([math.prod(shape) for shape in self.parameters.values()])
        shaped = zip(self.parameters.items(), pieces, strict=True)
        return {prefix + name: piece.reshape(shape) for (name, shape), piece in shaped}

    def outputs(self, inputs: Tensor, weights: Tensor) -> Tensor:
        out: Tensor = functional_call(self.layer, self._named(weights), (inputs,))
        return out

    def states(self, inputs: Tensor, weights: Tensor) -> Tensor:
        whole_states = _States(self.layer)
        rows = zip(inputs, weights, strict=True)
        return torch.cat([functional_call(whole_states, self._named(w, "layer."), (x.unsqueeze(0),)) for x, w in rows])

    def place(self, weight: tuple[int, ...] | int) -> tuple[int, ...]:
        shape = next(iter(self.parameters.values()), torch.Size([0]))
        if isinstance(weight, int):
            if 0 <= weight < self.n_weights:
                return (weight,)
        elif len(weight) == len(shape) and all(0 <= k < n for k, n in zip(weight, shape, strict=True)):
            # The first parameter comes first.
            return (int(torch.arange(math.prod(shape)).reshape(shape)[weight]),)
        raise ValueError(
            f"weight: got {weight}, expected a number below {self.n_weights}, or a place in weights {list(shape)}"
        )


class _States(nn.Module):
    """The amplitudes of a layer as a module, whose parameters a call can replace."""

    def __init__(self, layer: ReuploadLayer | QuantumLayer) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, inputs: Tensor) -> Tensor:
        return self.layer.states(inputs)


def subject_of(circuit: Diagnosed | Subject) -> Subject:
    """Return what diagnostics look at; ValueError on anything but a description or a layer."""
    if isinstance(circuit, Subject):
        return circuit
    if isinstance(circuit, DataReupload):
        plain = not circuit.scales_data and circuit.entangling_gate != "crz"
        if plain:
            return CircuitSubject(circuit)
        c = circuit
        names = {"entangling_gate": c.entangling_gate, "data_scaling": c.data_scaling}
        return LayerSubject(ReuploadLayer(c.n_qubits, c.n_blocks, c.entangler, **names))  # type: ignore[arg-type]
    if isinstance(circuit, ReuploadLayer | QuantumLayer):
        return LayerSubject(circuit)
    raise ValueError(
        f"circuit: got {type(circuit).__name__}, expected a DataReupload, a ReuploadLayer or a QuantumLayer"
    )


def jacobian(subject: Subject, inputs: Tensor, weights: Tensor) -> Tensor:
    """Return the derivatives of all outputs by one set of weights, [batch n_outputs, n_weights]."""
    flat = weights.flatten()
    rows: Tensor = torch.autograd.functional.jacobian(
        lambda w: subject.outputs(inputs, w.reshape(weights.shape)).flatten(), flat
    )
    return rows


def least_inputs(subject: Subject, inputs_count: int) -> int:
    """Return `inputs_count`; ValueError where so few data would cap the rank of the outputs' Jacobian."""
    inputs_count = whole("inputs_count", inputs_count)
    least = math.ceil(subject.counted / subject.n_outputs)
    if inputs_count < least:
        raise ValueError(f"inputs_count: got {inputs_count}, expected at least {least}, or the data would cap the rank")
    return inputs_count
