"""Random circuits and a third way to evaluate them, written with nothing but Kronecker products."""

from __future__ import annotations

import torch
from hypothesis import strategies as st
from torch import Tensor

from circuits import ENTANGLERS, DataReupload

PAULI = {
    "X": torch.tensor([[0, 1], [1, 0]], dtype=torch.complex128),
    "Y": torch.tensor([[0, -1j], [1j, 0]], dtype=torch.complex128),
    "Z": torch.tensor([[1, 0], [0, -1]], dtype=torch.complex128),
}
IDENTITY = torch.eye(2, dtype=torch.complex128)


def exponential(axis: str, angle: Tensor) -> Tensor:
    """exp(-i angle/2 P) = cos(angle/2) I - i sin(angle/2) P."""
    return torch.cos(angle / 2) * IDENTITY - 1j * torch.sin(angle / 2) * PAULI[axis]


def kron_all(matrices: list[Tensor]) -> Tensor:
    out = matrices[0]
    for matrix in matrices[1:]:
        out = torch.kron(out, matrix)
    return out


def on_wires(n: int, placed: dict[int, Tensor]) -> Tensor:
    return kron_all([placed.get(wire, IDENTITY) for wire in range(n)])


def observables(circuit: DataReupload, name: str) -> list[Tensor]:
    """One matrix a wire for X, Y, Z; one a joined pair for ZZ; several names, and words such as X0 Z2, with commas."""
    n = circuit.n_qubits
    if "," in name or any(letter.isdigit() for letter in name):
        return [matrix for part in name.split(", ") for matrix in _named(circuit, part)]
    if name == "ZZ":
        return [on_wires(n, dict.fromkeys(edge, PAULI["Z"])) for edge in circuit.edges]
    return [on_wires(n, {wire: PAULI[name]}) for wire in range(n)]


def _named(circuit: DataReupload, name: str) -> list[Tensor]:
    if not any(letter.isdigit() for letter in name):
        return observables(circuit, name)
    return [on_wires(circuit.n_qubits, {int(part[1:]): PAULI[part[0]] for part in name.split()})]


def controlled(n: int, control: int, target: int, matrix: Tensor) -> Tensor:
    up, down = (IDENTITY + PAULI["Z"]) / 2, (IDENTITY - PAULI["Z"]) / 2
    return on_wires(n, {control: up}) + on_wires(n, {control: down, target: matrix})


def rotation_angles(circuit: DataReupload, gate, inputs: Tensor, weights: Tensor) -> Tensor:
    """The three angles of a Rot for one sample's inputs [n_inputs]."""
    (wire,) = gate.wires
    first = 3 * (wire + (gate.block * circuit.n_qubits if circuit.data_scaling != "none" else 0))
    data, trained = inputs[first : first + 3], weights[gate.block, wire]
    return {"inputs": data, "weights": trained, "both": data + trained}[gate.source]


def oracle(circuit: DataReupload, inputs: Tensor, weights: Tensor, observable: str = "Z") -> Tensor:
    """Expectations [batch, ...] of the circuit as written in `gates()`, one 2^n x 2^n matrix a gate."""
    n = circuit.n_qubits
    read = observables(circuit, observable)
    rows = []
    for angles in inputs:
        state = torch.zeros(2**n, dtype=torch.complex128)
        state[0] = 1
        for gate in circuit.gates():
            if gate.name != "Rot":
                turn = {"CZ": PAULI["Z"], "CNOT": PAULI["X"]}.get(gate.name)
                if turn is None:
                    turn = exponential("Z", angles[circuit.n_inputs - circuit.n_couplings + gate.coupling])
                matrix = controlled(n, *gate.wires, turn)
            else:
                (wire,) = gate.wires
                phi, theta, omega = rotation_angles(circuit, gate, angles, weights)
                rot = exponential("Z", omega) @ exponential("Y", theta) @ exponential("Z", phi)
                matrix = on_wires(n, {wire: rot})
            state = matrix @ state
        rows.append(torch.stack([(state.conj() @ matrix @ state).real for matrix in read]))
    return torch.stack(rows)


def random_circuits(max_qubits: int = 8, max_blocks: int = 5) -> st.SearchStrategy[tuple[DataReupload, int]]:
    """A circuit, and the seed of its angles."""
    return st.tuples(
        st.builds(
            DataReupload,
            n_qubits=st.integers(1, max_qubits),
            n_blocks=st.integers(1, max_blocks),
            entangler=st.sampled_from(list(ENTANGLERS)),
        ),
        st.integers(0, 2**31),
    )


def random_angles(circuit: DataReupload, seed: int, batch: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.randn(batch, circuit.n_inputs, generator=generator, dtype=torch.float64) * 2
    weights = torch.randn(circuit.weight_shape, generator=generator, dtype=torch.float64) * 2
    return inputs.requires_grad_(), weights.requires_grad_()
