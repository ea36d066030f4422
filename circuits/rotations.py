"""The rotation Rot(phi, theta, omega) = RZ(omega) RY(theta) RZ(phi) as SU(2) and as SO(3), differentiable.

An SU(2) matrix [[a, -b*], [b, a*]] is carried as its first column (a, b). Phases are built with `torch.complex`
from cosine and sine: `torch.polar` has a wrong gradient where its magnitude is negative.
"""

from __future__ import annotations

import torch
from torch import Tensor

Spinor = tuple[Tensor, Tensor]


def rot_spinor(angles: Tensor) -> Spinor:
    """Return (a, b) of Rot for angles [..., 3]: a = cos(t/2) e^(-i(p+o)/2), b = sin(t/2) e^(i(o-p)/2); shape [...]."""
    phi, theta, omega = (angles / 2).unbind(-1)
    return half_angle_spinor(phi, theta, omega)


def half_angle_spinor(phi: Tensor, theta: Tensor, omega: Tensor) -> Spinor:
    """Return (a, b) of Rot from the halves of its three angles."""
    cos, sin = torch.cos(theta), torch.sin(theta)
    total, difference = phi + omega, omega - phi
    a = torch.complex(cos * torch.cos(total), -cos * torch.sin(total))
    b = torch.complex(sin * torch.cos(difference), sin * torch.sin(difference))
    return a, b


def compose(later: Spinor, earlier: Spinor) -> Spinor:
    """Return the spinor of the matrix product `later @ earlier`."""
    a2, b2 = later
    a1, b1 = earlier
    return a2 * a1 - b2.conj() * b1, b2 * a1 + a2.conj() * b1


def pauli_row(gate: Spinor, axis: str) -> tuple[Tensor, Tensor, Tensor]:
    """Return the real (x, y, z) with U^dagger P U = x X + y Y + z Z for P = `axis`: one row of U in SO(3)."""
    a, b = gate
    if axis == "Z":
        product = a * b
        z = a.real.square() + a.imag.square() - b.real.square() - b.imag.square()
        return -2 * product.real, -2 * product.imag, z
    squares, mixed = a * a, b * b
    cross = 2 * a.conj() * b
    if axis == "X":
        return (squares - mixed).real, (squares - mixed).imag, cross.real
    return -(squares + mixed).imag, (squares + mixed).real, cross.imag


def rotation_matrix(cos: Tensor, sin: Tensor) -> Tensor:
    """Return Rz(omega) Ry(theta) Rz(phi) in SO(3), [3, 3, ...], from the angles' cosines and sines [3, ...]."""
    c0, c1, c2 = cos.unbind(0)
    s0, s1, s2 = sin.unbind(0)
    c10, s10 = c1 * c0, c1 * s0
    rows = [
        [c2 * c10 - s2 * s0, -c2 * s10 - s2 * c0, c2 * s1],
        [s2 * c10 + c2 * s0, c2 * c0 - s2 * s10, s2 * s1],
        [-s1 * c0, s1 * s0, c1],
    ]
    return torch.stack([torch.stack(row) for row in rows])
