"""The two-block circuit read in Z, where every weight is an added angle or a constant of its wire.

Neighbouring RZ rotations on a wire add up, so with a_b = x_omega + w_b,phi for block b, b = x_phi + w_1,omega,
theta = x_theta, and (C_b, S_b) the cosine and sine of w_b,theta,

    X = C_1 sin(theta) cos(a_1) + S_1 cos(theta)    Y = sin(theta) sin(a_1)
    Z = C_1 cos(theta) - S_1 sin(theta) cos(a_1)
    u = X cos(b) - Y sin(b)    v = X sin(b) + Y cos(b)    k = S_2 cos(a_2)    m = S_2 sin(a_2)
    t = -k cos(theta) - C_2 sin(theta)    z = C_2 cos(theta) - k sin(theta)
    <Z_i> = z_i Z_i + (t_i u_i + m_i v_i) prod_{j in N(i)} Z_j .

This is the closed form of `bloch.py` written out. On rings and lines its backward pass is written by hand: about fifty
operations on [n, batch] where automatic differentiation takes three times as many.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx

from circuits.engines.lightcone.bloch import neighbour_products
from circuits.engines.transforms import differentiated_again, plain_gradients, transformed
from circuits.reupload import DataReupload
from circuits.shapes import Expectations, Inputs, Weights


class Values(NamedTuple):
    """What the backward pass needs again; all but the first four are [n, batch], those are [n, 1]."""

    c1: Tensor
    s1: Tensor
    c2: Tensor
    s2: Tensor
    cosines: Tensor
    sines: Tensor
    p: Tensor
    x: Tensor
    y: Tensor
    z: Tensor
    u: Tensor
    v: Tensor
    k: Tensor
    m: Tensor
    tilted: Tensor
    read: Tensor
    plane: Tensor


def writes_out(circuit: DataReupload) -> bool:
    """Say whether the formulas of this file are those of a circuit."""
    return circuit.n_blocks == 2 and not circuit.scales_data


def expectations(circuit: DataReupload, inputs: Inputs, weights: Weights) -> Expectations:
    """Return <Z> [batch, n] for inputs [batch, 3 n] and weights [2, n, 3] of two blocks that read the same data."""
    if circuit.layout in ("all", "pairs") or transformed(inputs, weights):
        values = _evaluate(inputs, weights)
        return _combine(values, neighbour_products(circuit, values.z)).t()
    return _TwoBlocks.apply(inputs, weights, circuit)


def _evaluate(inputs: Tensor, weights: Tensor) -> Values:
    n = weights.shape[1]
    phi, theta, omega = inputs.t().reshape(n, 3, inputs.shape[0]).unbind(1)
    (w1_phi, w1_theta, w1_omega), (w2_phi, w2_theta, _) = (w.unsqueeze(-1).unbind(1) for w in weights)
    angles = torch.stack([omega + w1_phi, omega + w2_phi, phi + w1_omega, theta])
    cosines, sines = angles.cos(), angles.sin()
    cos_a1, cos_a2, cos_b, cos = cosines.unbind(0)
    sin_a1, sin_a2, sin_b, sin = sines.unbind(0)
    c1, s1, c2, s2 = w1_theta.cos(), w1_theta.sin(), w2_theta.cos(), w2_theta.sin()
    p, y = sin * cos_a1, sin * sin_a1
    x = torch.addcmul(s1 * cos, c1, p)
    z = torch.addcmul(c1 * cos, s1, p, value=-1)
    u = torch.addcmul(x * cos_b, y, sin_b, value=-1)
    v = torch.addcmul(x * sin_b, y, cos_b)
    k, m = s2 * cos_a2, s2 * sin_a2
    tilted = -torch.addcmul(c2 * sin, k, cos)
    read = torch.addcmul(c2 * cos, k, sin, value=-1)
    plane = torch.addcmul(tilted * u, m, v)
    return Values(c1, s1, c2, s2, cosines, sines, p, x, y, z, u, v, k, m, tilted, read, plane)


def _combine(values: Values, product: Tensor) -> Tensor:
    return torch.addcmul(values.read * values.z, product, values.plane)


class _Saved(FunctionCtx):
    circuit: DataReupload
    saved_tensors: tuple[Tensor, ...]
    needs_input_grad: tuple[bool, ...]


class _TwoBlocks(torch.autograd.Function):
    @staticmethod
    def forward(ctx: _Saved, inputs: Tensor, weights: Tensor, circuit: DataReupload) -> Tensor:
        ctx.circuit = circuit
        values = _evaluate(inputs, weights)
        product = neighbour_products(circuit, values.z)
        ctx.save_for_backward(inputs, weights, product, *values)
        return _combine(values, product).t()

    @staticmethod
    def backward(ctx: _Saved, *grads: Tensor) -> tuple[Tensor | None, ...]:
        inputs, weights, product, *values = ctx.saved_tensors
        (grad,) = grads
        if differentiated_again(grads[0]):
            # Somebody differentiates the gradient, or asks for a batch of them: go through the plain operations.
            def plain(inputs: Tensor, weights: Tensor) -> Tensor:
                values = _evaluate(inputs, weights)
                return _combine(values, neighbour_products(ctx.circuit, values.z)).t()

            return (*plain_gradients(plain, inputs, weights, ctx.needs_input_grad[:2], grad), None)
        return (*_gradients(ctx.circuit, grad.t(), product, Values(*values)), None)


def _gradients(circuit: DataReupload, g: Tensor, product: Tensor, f: Values) -> tuple[Tensor, Tensor]:
    """Return the gradients of inputs [batch, 3 n] and weights [2, n, 3] for the outputs' gradient g [n, batch]."""
    cos_a1, cos_a2, cos_b, cos = f.cosines.unbind(0)
    sin_a1, sin_a2, sin_b, sin = f.sines.unbind(0)
    g_plane, g_read = g * product, g * f.z
    g_z = torch.addcmul(_through_neighbours(circuit, g * f.plane, f.z), g, f.read)
    g_u, g_v = g_plane * f.tilted, g_plane * f.m
    g_tilted, g_m = g_plane * f.u, g_plane * f.v
    g_b = torch.addcmul(g_v * f.u, g_u, f.v, value=-1)
    g_x = torch.addcmul(g_u * cos_b, g_v, sin_b)
    g_y = torch.addcmul(g_v * cos_b, g_u, sin_b, value=-1)
    g_p = torch.addcmul(f.c1 * g_x, f.s1, g_z, value=-1)
    g_k = -torch.addcmul(g_tilted * cos, g_read, sin)
    g_a1 = torch.addcmul(g_y * f.p, g_p, f.y, value=-1)
    g_a2 = torch.addcmul(g_m * f.k, g_k, f.m, value=-1)
    g_cos = (f.s1 * g_x).addcmul_(f.c1, g_z).addcmul_(f.c2, g_read).addcmul_(g_tilted, f.k, value=-1)
    g_sin = (g_p * cos_a1).addcmul_(g_y, sin_a1).addcmul_(f.c2, g_tilted, value=-1).addcmul_(g_read, f.k, value=-1)
    g_theta = torch.addcmul(g_sin * cos, g_cos, sin, value=-1)
    # Over the batch: angles that were added share their gradients, the two theta weights have their own.
    g_w1_theta = torch.addcmul(g_x * f.z, g_z, f.x, value=-1).sum(1)
    inner = torch.addcmul(g_k * cos_a2, g_m, sin_a2).sum(1)
    outer = torch.addcmul(g_tilted * sin, g_read, cos, value=-1).sum(1)
    g_w2_theta = f.c2.squeeze(1) * inner + f.s2.squeeze(1) * outer
    zero = torch.zeros_like(g_w1_theta)
    first = torch.stack([g_a1.sum(1), g_w1_theta, g_b.sum(1)], dim=-1)
    second = torch.stack([g_a2.sum(1), g_w2_theta, zero], dim=-1)
    g_inputs = torch.stack([g_b, g_theta, g_a1 + g_a2], dim=1).flatten(0, 1).t()
    return g_inputs, torch.stack([first, second])


def _through_neighbours(circuit: DataReupload, g: Tensor, z: Tensor) -> Tensor:
    """Return the gradient of z [n, batch] through prod_{j in N(i)} z_j, whose own gradient is g."""
    if circuit.layout == "none":
        return torch.zeros_like(z)
    if circuit.layout == "line":
        # Wires beyond the ends count as 1 in the product, and take no gradient.
        one, nothing = torch.ones_like(z[:1]), torch.zeros_like(z[:1])
        left, right = torch.cat([one, z[:-1]]), torch.cat([z[1:], one])
        return torch.cat([(g * right)[1:], nothing]) + torch.cat([nothing, (g * left)[:-1]])
    left, right = torch.roll(z, 1, 0), torch.roll(z, -1, 0)
    return torch.roll(g * right, -1, 0) + torch.roll(g * left, 1, 0)
