"""PennyLane on JAX: default.qubit, vectorised over the batch by jax.vmap, compiled by jax.jit."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from sqnn.bench.peers.jax import Array, jax_pass, without_gpu
from sqnn.bench.peers.peer import Peer

if TYPE_CHECKING:
    from circuits import DataReupload


def _build(circuit: DataReupload, dtype: str) -> Callable[[Array, Array], Array]:
    import jax
    import jax.numpy as jnp
    import pennylane as qml

    @qml.qnode(qml.device("default.qubit", wires=circuit.n_qubits), interface="jax", diff_method="backprop")
    def node(inputs: Array, weights: Array) -> list[Array]:
        for gate in circuit.gates():
            if gate.name == "CZ":
                qml.CZ(wires=gate.wires)
                continue
            (wire,) = gate.wires
            angles = inputs[3 * wire : 3 * wire + 3] if gate.source == "inputs" else weights[gate.block, wire]
            qml.Rot(*(angles[k] for k in range(3)), wires=wire)
        return [qml.expval(qml.PauliZ(wire)) for wire in range(circuit.n_qubits)]

    return jax.vmap(lambda inputs, weights: jnp.stack(node(inputs, weights)), (0, None))


PENNYLANE_JAX = Peer(
    "pennylane-jax",
    "default.qubit, jax.jit + vmap",
    "pennylane",
    ("pennylane", "jax"),
    circuit=partial(jax_pass, _build),
    compiles=True,
    states=2,
    cpu_only=without_gpu,
)
