"""What stands in the place of the SQDR-CNN's circuit, and every choice of its twins."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from circuits import DataReupload, initial_weights
from sqnn.core import Choices, option, require
from sqnn.models.quantum_head import make_circuit
from sqnn.models.sqdr_cnn import SQDRCNNConfig
from sqnn.neurons import NeuronConfig

EVALUATED = ("engine", "noise", "shots", "device", "diff_method")
"""Fields that say who evaluates a circuit."""
SPIKING = ("encoding", "timesteps", "readout", *(field.name for field in dataclasses.fields(NeuronConfig)))
"""Fields of a spiking front-end that an ordinary one has not."""
TWO_BLOCKS = {"n_blocks": 2, "entangling_gate": "cz", "data_scaling": "none", "observable": "Z"}
"""The circuit whose closed form the trigonometric core is."""


class Made(NamedTuple):
    """A core that was built: a module from `n_inputs` numbers of an image to `n_outputs`."""

    n_inputs: int
    module: nn.Module
    n_outputs: int


class Trigonometric(nn.Module):
    """The closed form of the two-block circuit with free coefficients: [batch, 3 n] in radians -> [batch, n].

    With the numbers (phi, theta, omega) of a wire, its phases a_1, b, a_2 and its coefficients C_1, S_1, C_2, S_2,

        X = C_1 sin(theta) cos(omega + a_1) + S_1 cos(theta)    Y = sin(theta) sin(omega + a_1)
        Z = C_1 cos(theta) - S_1 sin(theta) cos(omega + a_1)
        u = X cos(phi + b) - Y sin(phi + b)    v = X sin(phi + b) + Y cos(phi + b)
        k = S_2 cos(omega + a_2)    m = S_2 sin(omega + a_2)
        t = -k cos(theta) - C_2 sin(theta)    z = C_2 cos(theta) - k sin(theta)
        output_i = z_i Z_i + (t_i u_i + m_i v_i) prod_{j in N(i)} Z_j ,

    N(i) being the wires joined to i by `edges`. The circuit has cosine and sine of a weight for each pair (C, S); here
    the four are trained without that bound, 7 parameters a wire for its 6. `weights` [2, n, 3], such as a circuit has,
    are where both begin: the outputs are the circuit's <Z> then.

    Source: the two-block closed form of this package (docs/guide/circuits-and-locality.md).
    """

    neighbours: Tensor

    def __init__(self, edges: Iterable[tuple[int, int]], weights: Tensor) -> None:
        super().__init__()
        n = weights.shape[1]
        (phi_1, theta_1, omega_1), (phi_2, theta_2, _) = (block.unbind(-1) for block in weights)
        self.phases = nn.Parameter(torch.stack([phi_1, omega_1, phi_2]))
        self.coefficients = nn.Parameter(torch.stack([theta_1.cos(), theta_1.sin(), theta_2.cos(), theta_2.sin()]))
        joined: list[list[int]] = [[] for _ in range(n)]
        for a, b in edges:
            joined[a].append(b)
            joined[b].append(a)
        most = max(map(len, joined))
        # Place n holds a one, which fills the products of wires with fewer neighbours.
        filled = torch.tensor([[*wires, *[n] * (most - len(wires))] for wires in joined], device="cpu")
        self.register_buffer("neighbours", filled.long().reshape(n, most), persistent=False)

    def forward(self, angles: Tensor) -> Tensor:
        phi, theta, omega = angles.unflatten(-1, (-1, 3)).unbind(-1)
        a_1, b, a_2 = (at + phase for at, phase in zip((omega, phi, omega), self.phases, strict=True))
        c_1, s_1, c_2, s_2 = self.coefficients
        cos, sin = theta.cos(), theta.sin()
        p = sin * a_1.cos()
        x, y, z = c_1 * p + s_1 * cos, sin * a_1.sin(), c_1 * cos - s_1 * p
        u, v = x * b.cos() - y * b.sin(), x * b.sin() + y * b.cos()
        k, m = s_2 * a_2.cos(), s_2 * a_2.sin()
        plane = m * v - (k * cos + c_2 * sin) * u
        products = torch.cat([z, torch.ones_like(z[:, :1])], 1)[:, self.neighbours].prod(-1)
        return (c_2 * cos - k * sin) * z + plane * products


def _circuit(config: SQDRTwinConfig, width: int, generator: torch.Generator) -> Made:
    circuit = make_circuit(dataclasses.replace(config, n_qubits=width, core_width=None), generator)
    return Made(circuit.n_inputs, circuit, circuit.n_outputs)


def _random_circuit(config: SQDRTwinConfig, width: int, generator: torch.Generator) -> Made:
    made = _circuit(config, width, generator)
    made.module.requires_grad_(False)
    return made


def _trigonometric(config: SQDRTwinConfig, width: int, generator: torch.Generator) -> Made:
    circuit = DataReupload(width, 2, config.entangler)
    weights = initial_weights(config.initial, circuit.weight_shape, generator).to(torch.get_default_dtype())
    return Made(circuit.n_angles, Trigonometric(circuit.edges, weights), width)


def _linear(config: SQDRTwinConfig, width: int, generator: torch.Generator) -> Made:
    return Made(width, nn.Linear(width, config.n_outputs), config.n_outputs)


def _mlp(config: SQDRTwinConfig, width: int, generator: torch.Generator) -> Made:
    n = config.n_outputs
    return Made(width, nn.Sequential(nn.Linear(width, n), nn.ReLU(), nn.Linear(n, n), nn.Tanh()), n)


def _identity(config: SQDRTwinConfig, width: int, generator: torch.Generator) -> Made:
    return Made(width, nn.Identity(), width)


CORES: Choices[Callable[[SQDRTwinConfig, int, torch.Generator], Made]] = Choices(
    "core",
    {
        "linear": _linear,
        "mlp": _mlp,
        "trigonometric": _trigonometric,
        "random-circuit": _random_circuit,
        "identity": _identity,
        "circuit": _circuit,
    },
)
"""What builds a core of some width: qubits or wires, or the numbers that it reads."""
QUANTUM = ("circuit", "random-circuit")
"""The cores that are a circuit."""
FRONT_ENDS: Choices[str] = Choices(
    "front_end",
    {"spiking": "the SQDR-CNN's own", "ann": "the same with ReLU for the neurons, which sees the image once"},
)


@dataclass(frozen=True, kw_only=True)
class SQDRTwinConfig(SQDRCNNConfig):
    """Every choice of a twin, those of the SQDR-CNN that it has the size of among them.

    A choice that the twin has no use for stays at its default. Raises ConfigError, naming the field, on a value that
    builds no network.
    """

    core: str = option("linear", "what stands in the place of the circuit", among=CORES)
    front_end: str = option("spiking", "what the core reads", among=FRONT_ENDS)
    core_width: int | None = option(
        None,
        "qubits or wires of the core, or numbers that a classical one reads (default: as many as bring the network "
        "nearest to the parameters of the sqdr-cnn)",
        least=1,
    )

    def validate(self) -> None:
        super().validate()
        if self.core not in QUANTUM:
            self._unused(EVALUATED, f"core {self.core}, which is no circuit")
        if self.core not in (*QUANTUM, "trigonometric"):
            self._unused(("initial",), f"core {self.core}, which has no angles to draw")
        if self.core == "trigonometric":
            for name, value in TWO_BLOCKS.items():
                wanted = f"{value} with core trigonometric, the closed form of a circuit of two blocks joined by CZ"
                require(vars(self)[name] == value, name, vars(self)[name], wanted)
        if self.core == "circuit":
            require(self.core_width is None, "core_width", self.core_width, "none: n_qubits says it of the circuit")
        if self.core == "identity" and not self.mlp and self.core_width is not None:
            enough = f"at least num_classes = {self.num_classes} where mlp is off"
            require(self.core_width >= self.num_classes, "core_width", self.core_width, enough)
        if self.front_end == "ann":
            self._unused(SPIKING, "front_end ann, which has no spikes")

    def _unused(self, names: Iterable[str], why: str) -> None:
        defaults = {field.name: field.default for field in dataclasses.fields(self)}
        for name in names:
            value, default = vars(self)[name], defaults[name]
            require(value == default, name, value, f"the default {default} with {why}; leave it out")
