"""Closed forms of three- and four-block circuits on rings and lines: Pauli operators followed backwards, all real.

Blocks L and L - 1 turn the observable into a sum of two products of one-wire operators,

    O = (m_(i-1).s)(v_i.s)(m_(i+1).s) + c (m_i.s),

with (a, b, c) the row of block L's rotation that is read, m_j the Z row of block L - 1's rotation on wire j,
v_i = a X-row + b Y-row, and s = (X, Y, Z). A CZ layer maps a product operator to a sum over bits x_j that say whether
wire j contributes its part in the XY plane (x_j = 1, which puts a Z on both neighbours) or its Z part (x_j = 0).
For XY part alpha X + beta Y, its quarter turn alpha Y - beta X, and k = x_(j-1) + x_(j+1), wire j is left with

    x_j = 0:  Z part times Z^k;      x_j = 1:  part (k = 0),  quarter turn (k = 1),  -part (k = 2).

The signs are those of Z P = -P Z collected along the line; each run of ones starts and ends with a quarter turn.
Against the product state after block 1, with Bloch vector r, a vector m therefore enters by four numbers only,

    A = m_z r_z,   B = m_z,   C = m_x r_x + m_y r_y,   D = m_x r_y - m_y r_x,

and the sum over bits is a chain of 2x2 contractions. Three blocks need one such layer, four blocks two. Real
arithmetic on [n, batch]; no quantum state is stored.
"""

from __future__ import annotations

import torch
from torch import Tensor

from circuits.engines.lightcone.frames import AXES, data_frames, turn, weight_frames, with_idle_wires
from circuits.reupload import DataReupload
from circuits.shapes import Expectations, Inputs, Weights


def expectations(circuit: DataReupload, inputs: Inputs, weights: Weights, axis: str = "Z") -> Expectations:
    """Return <P> [batch, n] of P = `axis` on every wire of a ring or line circuit of three or four blocks.

    A ring needs n >= 2 L - 1, so that no window meets itself.
    """
    n, blocks = circuit.n_qubits, circuit.n_blocks
    # The idle wires keep a line's ends apart by the width of a window, and make room for the windows of a short line.
    idle = max(blocks - 1, 2 * blocks - 1 - n) if circuit.layout == "line" else 0
    data = data_frames(circuit, inputs)
    frames = weight_frames(weights)
    identity = torch.eye(3)
    # The third column of a rotation is the Bloch vector that it makes of |0>.
    state = with_idle_wires(turn(frames[0], data[0][:, :, 2]), idle, identity[2])
    middle = zip(frames[1:-1], data[1:-1], strict=True)
    turned = [with_idle_wires(turn(frame, rotation), idle, identity) for frame, rotation in middle]
    row = turn(frames[-1][:, AXES.index(axis)].unsqueeze(1), data[-1]).squeeze(1)
    read = with_idle_wires(row, idle, torch.zeros(3))
    evaluate = _three_blocks if blocks == 3 else _four_blocks
    return evaluate(state, turned, read)[:n].t()


def _three_blocks(state: Tensor, frames: list[Tensor], read: Tensor) -> Tensor:
    rows = _moments(frames[0], state)
    a, b, c = read.unbind(1)
    centre = a.unsqueeze(1) * rows[:, 0] + b.unsqueeze(1) * rows[:, 1]
    z = state[:, 2]
    around = _at(z, -1) * _at(z, 1)
    left, right = _ends(rows[:, 2], z)
    alone = rows[:, 2, 0] + rows[:, 2, 2] * around
    return _close(_at(left, -1), centre, _at(right, 1)) + c * alone


def _four_blocks(state: Tensor, frames: list[Tensor], read: Tensor) -> Tensor:
    rows = _moments(frames[0], state)
    z = state[:, 2]
    a, b, c = read.unbind(1)
    side = frames[1][:, 2]
    middle = a.unsqueeze(1) * frames[1][:, 0] + b.unsqueeze(1) * frames[1][:, 1]
    side_z, side_i, side_p, side_q = _kinds(side, rows, z)
    centre_z, centre_i, centre_p, centre_q = _kinds(middle, rows, z)
    left_end, right_end = _ends(rows[:, 2], z)
    end = (left_end, right_end)
    # For each side: what it contributes when (its own bit, the centre's bit) = (0,0), (0,1), (1,0), (1,1).
    arms = []
    for sign in (-1, 1):
        outer_z, outer = _at(z, sign), _at(end[(1 + sign) // 2], sign)
        rest = torch.cat([side_z[:, :2], side_z[:, 2:] * outer_z.unsqueeze(1)], dim=1)
        arms.append([_at(arm, sign) for arm in (rest, side_i, _extend(outer, side_p), _extend(outer, side_q))])
    (l00, l01, l10, l11), (r00, r01, r10, r11) = arms
    total = _dot(centre_z, _join(l00, r00) + _join(l10, r10))
    total = total + _dot(centre_i[:, :2], (_join(l00, r10) + _join(l10, r00))[:, :2])
    total = total + _dot(centre_p, _join(l01, r01) - _join(l11, r11))
    total = total + _dot(centre_q, _join(l01, r11) + _join(l11, r01))
    # The second term of O is one wire wide: its Z part alone, or its XY part with a Z on both neighbours.
    around = _at(z, -1) * _at(z, 1)
    alone = side_z[:, 0] + side_z[:, 2] * around
    alone = alone + _close(_at(left_end, -1), side_p, _at(right_end, 1))
    return total + c * alone


def _at(tensor: Tensor, offset: int) -> Tensor:
    """Shift so that entry i holds what wire i + offset had."""
    return torch.roll(tensor, -offset, 0)


def _moments(frame: Tensor, state: Tensor) -> Tensor:
    """Return (A, B, C, D), [n, 3, 4, batch], of a frame's rows [n, 3, 3, batch] against Bloch vectors [n, 3, batch]."""
    mx, my, mz = frame.unbind(2)
    rx, ry, rz = state.unsqueeze(1).unbind(2)
    return torch.stack([mz * rz, mz, mx * rx + my * ry, mx * ry - my * rx], dim=2)


def _kinds(vector: Tensor, rows: Tensor, z: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return the moments of a vector's Z part, of the identity in its place, of its XY part and of its quarter turn."""
    alpha, beta, gamma = vector.unsqueeze(2).unbind(1)
    x, y = rows[:, 0], rows[:, 1]
    plain = gamma.squeeze(1)
    idle = torch.zeros_like(plain)
    identity = torch.stack([plain, plain * z, idle, idle], dim=1)
    return gamma * rows[:, 2], identity, alpha * x + beta * y, alpha * y - beta * x


def _ends(moments: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
    """Start a chain at either end: an XY part there puts a Z on the wire beyond, outside the product."""
    even, odd = moments[:, :2], moments[:, 2:]
    beyond = z.unsqueeze(1)
    left = torch.cat([even, odd * _at(beyond, -1)], dim=1)
    right = torch.cat([even, odd * _at(beyond, 1)], dim=1)
    return left, right


def _extend(chain: Tensor, moments: Tensor) -> Tensor:
    """Carry a chain s[bit, next bit], in the order 00, 01, 10, 11, over one more wire."""
    s00, s01, s10, s11 = chain.unbind(1)
    a, b, c, d = moments.unbind(1)
    return torch.stack([s00 * a + s10 * b, s00 * b + s10 * a, s01 * c + s11 * d, s01 * d - s11 * c], dim=1)


def _join(left: Tensor, right: Tensor) -> Tensor:
    """Return the factors of A, B, C, D of the wire between two chains."""
    l0, l1, l2, l3 = left.unbind(1)
    r0, r1, r2, r3 = right.unbind(1)
    return torch.stack([l0 * r0 + l2 * r2, l2 * r0 + l0 * r2, l1 * r1 - l3 * r3, l3 * r1 + l1 * r3], dim=1)


def _dot(one: Tensor, other: Tensor) -> Tensor:
    return (one * other).sum(1)


def _close(left: Tensor, centre: Tensor, right: Tensor) -> Tensor:
    """Contract two chains with the wire between them."""
    return _dot(centre, _join(left, right))
