"""Each block's rotation as an SO(3) frame per wire and sample: what the closed forms are made of.

Wires lead and samples trail, [n, 3, 3, batch]: row P of a frame holds the (x, y, z) into which the block's rotation
pulls back the Pauli operator P.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor

from circuits.reupload import DataReupload
from circuits.rotations import rotation_matrix
from circuits.shapes import Inputs

AXES = "XYZ"
T = TypeVar("T")


def by_block(circuit: DataReupload, inputs: Inputs, prepare: Callable[[Tensor], T]) -> list[T]:
    """Return what `prepare` makes of each block's data angles [batch, 3 n]: once where all blocks have the same."""
    if not circuit.scales_data:
        return [prepare(inputs[:, : circuit.n_angles])] * circuit.n_blocks
    blocks = inputs[:, : circuit.n_angles * circuit.n_blocks].split(circuit.n_angles, dim=1)
    return [prepare(block) for block in blocks]


def separated(circuit: DataReupload, inputs: Inputs, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Return inputs and weights of the same circuit with a data rotation and a trainable one in every block."""
    if circuit.data_scaling != "added":
        return inputs, weights
    n = circuit.n_weights
    return torch.cat([inputs[:, :n] + weights.reshape(-1, n), inputs[:, n:]], dim=1), torch.zeros_like(weights)


def data_frames(circuit: DataReupload, inputs: Inputs) -> list[Tensor]:
    """Return the data rotation [n, 3, 3, batch] of each block."""
    return by_block(circuit, inputs, lambda block: _rotation(block, circuit.n_qubits))


def _rotation(block: Tensor, n: int) -> Tensor:
    angles = block.t().reshape(n, 3, block.shape[0]).transpose(0, 1)
    return rotation_matrix(torch.cos(angles), torch.sin(angles)).permute(2, 0, 1, 3)


def weight_frames(weights: Tensor) -> Tensor:
    """Return the trainable rotations [n_blocks, n, 3, 3] of weights [n_blocks, n, 3]."""
    angles = weights.permute(2, 0, 1)
    return rotation_matrix(torch.cos(angles), torch.sin(angles)).permute(2, 3, 0, 1)


def turn(frame: Tensor, vectors: Tensor) -> Tensor:
    """Multiply frames [n, k, 3] into [n, 3, ..., batch], sample by sample."""
    product = torch.bmm(frame, vectors.flatten(2))
    return product.reshape(frame.shape[0], frame.shape[1], *vectors.shape[2:])


def with_idle_wires(tensor: Tensor, count: int, value: Tensor) -> Tensor:
    """Append `count` wires that hold `value`: a line is a ring closed over wires that rest in |0>, where CZ is idle."""
    if not count:
        return tensor
    idle = value.to(tensor).reshape(1, *value.shape, 1).expand(count, *tensor.shape[1:])
    return torch.cat([tensor, idle])
