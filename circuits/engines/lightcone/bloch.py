"""Closed form of the one-block and the two-block circuit: real Bloch vectors, no quantum state at all.

With r_i the Bloch vector of wire i after block 1 (x, y, z components), q_i the row of block 2's rotation in SO(3) that
belongs to the Pauli operator P that is read, and N(i) the wires joined to i,

    <P_i> = q_i.z r_i.z + (q_i.x r_i.x + q_i.y r_i.y) prod_{j in N(i)} r_j.z ,

because a CZ layer turns X_i into X_i prod_j Z_j and leaves Z_i alone. Cost O(n + number of edges).
"""

from __future__ import annotations

import torch
from torch import Tensor

from circuits.engines.lightcone.frames import AXES, by_block, turn, weight_frames
from circuits.reupload import DataReupload
from circuits.shapes import Expectations, Inputs, Weights


def neighbour_products(circuit: DataReupload, z: Tensor) -> Tensor:
    """Return prod_{j in N(i)} z_j for z [n_qubits, batch], without dividing."""
    if circuit.layout == "none":
        return torch.ones_like(z)
    ones = torch.ones_like(z[:1])
    if circuit.layout == "all":
        n = circuit.n_qubits
        before, after = [ones], [ones]
        for i in range(n - 1):
            before.append(before[-1] * z[i : i + 1])
            after.append(after[-1] * z[n - 1 - i : n - i])
        return torch.cat(before) * torch.cat(after[::-1])
    if circuit.layout == "line":
        return torch.cat([ones, z[:-1]]) * torch.cat([z[1:], ones])
    if circuit.layout == "ring":
        return torch.cat([z[-1:], z[:-1]]) * torch.cat([z[1:], z[:1]])
    products = [ones] * circuit.n_qubits
    for a, b in circuit.edges:
        products[a], products[b] = products[a] * z[b : b + 1], products[b] * z[a : a + 1]
    return torch.cat(products)


def expectations(circuit: DataReupload, inputs: Inputs, weights: Weights, axis: str = "Z") -> Expectations:
    """Return <P> [batch, n_qubits] of P = `axis` on every wire of a circuit of one or two blocks.

    `inputs` [batch, n_inputs] and `weights` [n_blocks, n_qubits, 3] are angles in radians of one real dtype.
    """
    blocks = by_block(circuit, inputs, lambda block: _turns(block, circuit.n_qubits))
    (_, c1, c2), (_, s1, s2) = (part.unbind(1) for part in blocks[0])
    frames = weight_frames(weights)
    # The data rotation takes |0> to the Bloch vector (sin t cos o, sin t sin o, cos t); its RZ(phi) does nothing.
    data = torch.stack([s1 * c2, s1 * s2, c1], dim=1)
    read = frames[-1][:, AXES.index(axis)].unsqueeze(1)
    if circuit.n_blocks == 1:
        return turn(read, data).squeeze(1).t()
    x1, y1, z1 = turn(frames[0], data).unbind(1)
    (c0, c1, c2), (s0, s1, s2) = (part.unbind(1) for part in blocks[1])
    qx, qy, qz = read.transpose(1, 2).unbind(1)
    # Pull the row back through the data rotation of block 2: first its RZ(omega), then RY(theta), then RZ(phi).
    along, across = c2 * qx + s2 * qy, c2 * qy - s2 * qx
    tilted, z2 = c1 * along - s1 * qz, s1 * along + c1 * qz
    x2, y2 = c0 * tilted + s0 * across, c0 * across - s0 * tilted
    return (z2 * z1 + neighbour_products(circuit, z1) * (x2 * x1 + y2 * y1)).t()


def _turns(block: Tensor, n: int) -> tuple[Tensor, Tensor]:
    """Return cosines and sines [n, 3, batch] of a block's data angles."""
    angles = block.t().reshape(n, 3, block.shape[0])
    return torch.cos(angles), torch.sin(angles)
