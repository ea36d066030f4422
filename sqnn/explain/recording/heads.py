"""The record of a quantum circuit: its angles, the Bloch vectors of its wires, and what it is read by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from circuits import ReuploadLayer


@dataclass(frozen=True, eq=False)
class HeadRecord:
    """What a circuit received and gave.

    - `angles` [batch, 3 n_qubits]: data angles in radians, wire after wire; what a `circuits.QuantumLayer` reads,
      [batch, n_inputs];
    - `bloch` [n_blocks, batch, n_qubits, 3]: <X>, <Y>, <Z> of each wire after the rotations of each block, before the
      gates that join wires, of the state without noise; None for a `circuits.QuantumLayer`, which has no blocks;
    - `expectations` [batch, n_outputs]: what the network goes on with, by default <Z> of each wire, under its noise;
    - `observable` of a `circuits.ReuploadLayer`, such as "Z"; None of a QuantumLayer;
    - `fed_by`: the layer of neurons whose rates are the angles, neuron by neuron, None where there is none.
    """

    angles: Tensor
    expectations: Tensor
    bloch: Tensor | None = None
    observable: str | None = None
    fed_by: str | None = None

    @property
    def nbytes(self) -> int:
        """Memory of the tensors in bytes."""
        return sum(each.nbytes for each in (self.angles, self.expectations, self.bloch) if each is not None)

    def select(self, images: Tensor) -> HeadRecord:
        """Return the record of some images."""
        chosen = images.to(self.angles.device)
        bloch = None if self.bloch is None else self.bloch[:, chosen]
        return replace(self, angles=self.angles[chosen], expectations=self.expectations[chosen], bloch=bloch)


def joined_heads(parts: Sequence[HeadRecord]) -> HeadRecord:
    """Return the records of the batches of one circuit as one."""
    if len(parts) == 1:
        return parts[0]
    bloch = [part.bloch for part in parts if part.bloch is not None]
    return replace(
        parts[0],
        angles=torch.cat([part.angles for part in parts]),
        expectations=torch.cat([part.expectations for part in parts]),
        bloch=torch.cat(bloch, 1) if bloch else None,
    )


@torch.no_grad()
def bloch_vectors(circuit: ReuploadLayer, angles: Tensor) -> Tensor:
    """Return <X>, <Y>, <Z> of each wire after each block for data angles [batch, 3 n_qubits].

    They are [n_blocks, batch, n_qubits, 3], and those of the state without noise and shots.
    """
    from circuits import ReuploadLayer

    whole = circuit.circuit
    n = whole.n_qubits
    # A circuit of b blocks ends where the whole one goes on to join its wires.
    blocks = []
    for b in range(1, whole.n_blocks + 1):
        part = ReuploadLayer(
            n,
            b,
            whole.entangler,
            entangling_gate=whole.entangling_gate,
            data_scaling=whole.data_scaling,
            observable=("X", "Y", "Z"),
        ).to(angles)
        for name, weights in part.named_parameters():
            weights.copy_(circuit.get_parameter(name)[: len(weights)])
        blocks.append(part(angles).unflatten(1, (3, n)).transpose(1, 2))
    return torch.stack(blocks)
