"""Rotations and CZ gates written in the instructions of a machine, angles linear in the slots of a circuit.

With Z(a) for RZ, P or U1, and time to the right, Rot(phi, theta, omega) = RZ(omega) RY(theta) RZ(phi) becomes

    U(theta, omega, phi),   Z(phi) RY(theta) Z(omega),   Z(phi) SX Z(theta + pi) SX Z(omega + pi)

or two U2, by what the basis holds; RZ(a) = RX(-pi/2) RY(-a) RX(pi/2) where it has no turn about z. Rotations without
slots that follow each other are multiplied and written as one, so a CZ is an entangler between such rotations.
"""

from __future__ import annotations

import cmath
import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from noise_models import ENTANGLERS, SYMMETRIC, Noise

Unitary = NDArray[np.complex128]
Euler = tuple[float, float, float]
"""The angles (phi, theta, omega) of RZ(omega) RY(theta) RZ(phi), in radians."""

PI = math.pi
ZERO = 1e-12
"""Angles below this, in radians, are rounding."""


@dataclass(frozen=True)
class Angle:
    """An angle in radians, offset + sum of coefficient * slot; slots are numbered as in `Compiled`."""

    terms: tuple[tuple[int, float], ...]
    offset: float

    def shifted(self, offset: float) -> Angle:
        """Return this angle plus `offset`."""
        return Angle(self.terms, self.offset + offset)

    def negative(self) -> Angle:
        """Return minus this angle."""
        return Angle(tuple((slot, -factor) for slot, factor in self.terms), -self.offset)


@dataclass(frozen=True)
class Instruction:
    """One instruction: its name in Qiskit, its wires in order, its angles; how long a `delay` waits."""

    name: str
    wires: tuple[int, ...]
    angles: tuple[Angle, ...] = ()
    seconds: float = 0.0


def rotation(phi: float, theta: float, omega: float) -> Unitary:
    """Return RZ(omega) RY(theta) RZ(phi) [2, 2]."""
    cos, sin = math.cos(theta / 2), math.sin(theta / 2)
    a = cos * cmath.exp(-0.5j * (phi + omega))
    b = sin * cmath.exp(0.5j * (omega - phi))
    return np.array([[a, -b.conjugate()], [b, a.conjugate()]])


def euler(unitary: Unitary) -> Euler:
    """Return angles of a unitary [2, 2], theta in [0, pi], whatever its phase; phi is 0 where only one turn matters."""
    a, b = abs(unitary[0, 0]), abs(unitary[1, 0])
    if b < ZERO:
        return 0.0, 0.0, cmath.phase(unitary[1, 1] / unitary[0, 0])
    if a < ZERO:
        return 0.0, PI, cmath.phase(-unitary[1, 0] / unitary[0, 1])
    turned = cmath.phase(unitary[1, 0] / unitary[0, 0])
    return cmath.phase(-unitary[0, 1] / unitary[0, 0]), 2 * math.atan2(b, a), turned


H, X, SX = rotation(PI, PI / 2, 0), rotation(0, PI, -PI), rotation(PI / 2, PI / 2, -PI / 2)
SXDG, SDG = SX.conj().T, rotation(0, 0, -PI / 2)
FIXED: Mapping[str, Unitary] = MappingProxyType(
    {
        "x": X,
        "y": rotation(0, PI, 0),
        "z": rotation(0, 0, PI),
        "h": H,
        "s": rotation(0, 0, PI / 2),
        "sdg": SDG,
        "sx": SX,
        "sxdg": SXDG,
        "t": rotation(0, 0, PI / 4),
        "tdg": rotation(0, 0, -PI / 4),
    }
)
"""Gates without angles."""
ONE = np.eye(2, dtype=complex)
CZ: Mapping[str, tuple[tuple[Unitary, Unitary], tuple[float, ...], tuple[Unitary, Unitary]]] = MappingProxyType(
    {
        "cz": ((ONE, ONE), (), (ONE, ONE)),
        "cx": ((ONE, H), (), (ONE, H)),
        "ecr": ((SDG, SXDG @ H), (), (X, H)),
        "cp": ((ONE, ONE), (PI,), (ONE, ONE)),
        "cu1": ((ONE, ONE), (PI,), (ONE, ONE)),
        "rzz": ((ONE, ONE), (PI / 2,), (SDG, SDG)),
        "rxx": ((H, H), (PI / 2,), (SDG @ H, SDG @ H)),
        "ryy": ((SXDG,) * 2, (PI / 2,), (SDG @ SX,) * 2),
        "rzx": ((ONE, H), (PI / 2,), (SDG, SDG @ H)),
    }
)
"""CZ in terms of an entangler: rotations of both wires before it, its angles, rotations after it."""


class Writer:
    """List the instructions of a circuit in the basis of a noise, or in u and cz without noise."""

    def __init__(self, noise: Noise | None, n_wires: int) -> None:
        self.instructions: list[Instruction] = []
        self._noise = noise
        basis = ("u", "cz") if noise is None else noise.basis
        self._basis = frozenset(basis)
        self._turn = next((name for name in basis if name in ("rz", "p", "u1")), None)
        self._whole = next((name for name in ("u", "u3") if name in basis), None)
        self._fixed = {name: FIXED[name] for name in basis if name in FIXED}
        self._entanglers = [name for name in ENTANGLERS if name in basis]
        self._waiting = [ONE] * n_wires

    def rot(self, wire: int, phi: Angle, theta: Angle, omega: Angle) -> None:
        """Write RZ(omega) RY(theta) RZ(phi)."""
        if self._whole is not None:
            self._append(self._whole, wire, theta, omega, phi)
        elif self._turn is not None and "ry" in self._basis:
            self.z(wire, phi)
            self._append("ry", wire, theta)
            self.z(wire, omega)
        elif self._turn is None and "u2" in self._basis:
            self._append("u2", wire, Angle((), 0.0), phi.shifted(PI / 2))
            self._append("u2", wire, omega.shifted(PI / 2), theta.shifted(PI))
        else:
            self.z(wire, phi)
            self.fixed(wire, SX)
            self.z(wire, theta.shifted(PI))
            self.fixed(wire, SX)
            self.z(wire, omega.shifted(PI))

    def fixed(self, wire: int, unitary: Unitary) -> None:
        """Write a rotation [2, 2] without slots, together with those that follow it on its wire."""
        self._waiting[wire] = unitary @ self._waiting[wire]

    def mark(self, wire: int) -> None:
        """Write the end of a block."""
        self._append("id", wire)

    def cz(self, a: int, b: int) -> None:
        """Write a CZ of two wires that are coupled."""
        name, wires = self._pair_gate(a, b)
        before, angles, after = CZ[name]
        for wire, unitary in zip(wires, before, strict=True):
            self.fixed(wire, unitary)
            self._flush(wire)
        self.instructions.append(Instruction(name, wires, tuple(Angle((), angle) for angle in angles)))
        for wire, unitary in zip(wires, after, strict=True):
            self.fixed(wire, unitary)

    def cx(self, control: int, target: int) -> None:
        """Write a CX of two wires that are coupled: a CZ between two H, which cancel those of a CX."""
        self.fixed(target, H)
        self.cz(control, target)
        self.fixed(target, H)

    def finish(self) -> tuple[Instruction, ...]:
        """Return the instructions."""
        for wire in range(len(self._waiting)):
            self._flush(wire)
        return tuple(self.instructions)

    def _pair_gate(self, a: int, b: int) -> tuple[str, tuple[int, int]]:
        """Return the entangler of two wires and their order in it.

        A CZ stands as it is written. Others are taken where the noise has them, in the direction in which it has them.
        """
        if self._noise is not None:
            for name in self._entanglers:
                if name == "cz" and self._noise.couplings is None:
                    break
                for wires in ((a, b), (b, a)):
                    if self._noise.has_gate(name, wires):
                        return name, (a, b) if name in SYMMETRIC and self._noise.couplings is None else wires
        return self._entanglers[0], (a, b)

    def _append(self, name: str, wire: int, *angles: Angle) -> None:
        self._flush(wire)
        self.instructions.append(Instruction(name, (wire,), angles))

    def z(self, wire: int, angle: Angle) -> None:
        """Write a turn about z."""
        if self._turn is not None:
            self._append(self._turn, wire, angle)
            return
        if self._whole is not None or "u2" in self._basis:
            self.rot(wire, angle, Angle((), 0.0), Angle((), 0.0))
            return
        self.fixed(wire, SX)
        if "ry" in self._basis:
            self._append("ry", wire, angle.negative())
        else:
            self._append("r", wire, angle.negative(), Angle((), PI / 2))
        self.fixed(wire, SXDG)

    def _flush(self, wire: int) -> None:
        """Write the rotation that waits on a wire."""
        unitary, self._waiting[wire] = self._waiting[wire], ONE
        for name, angles in self._synthesis(unitary):
            if angles and name in ("rz", "p", "u1", "rx", "ry") and _is_turn_of_zero(angles[0]):
                continue
            self.instructions.append(Instruction(name, (wire,), tuple(Angle((), angle) for angle in angles)))

    def _synthesis(self, unitary: Unitary) -> list[tuple[str, tuple[float, ...]]]:
        """Return names and angles of gates that make a rotation up to its phase, the first one first."""
        phi, theta, omega = euler(unitary)
        if theta < ZERO and _is_turn_of_zero(omega):
            return []
        basis, z = self._basis, self._turn
        for name, gate in self._fixed.items():
            if _same(gate, unitary):
                return [(name, ())]
        if z is not None and theta < ZERO:
            return [(z, (omega,))]
        if "u2" in basis and abs(theta - PI / 2) < ZERO:
            return [("u2", (omega, phi))]
        if self._whole is not None:
            return [(self._whole, (theta, omega, phi))]
        if z is not None:
            if "ry" in basis:
                return [(z, (phi,)), ("ry", (theta,)), (z, (omega,))]
            for name, gate in self._fixed.items():
                before, tilt, after = euler(gate)
                if abs(theta - tilt) < ZERO:
                    return [(z, (phi - before,)), (name, ()), (z, (omega - after,))]
            if "rx" in basis:
                return [(z, (phi - PI / 2,)), ("rx", (theta,)), (z, (omega + PI / 2,))]
            if "sx" in basis:
                return [(z, (phi,)), ("sx", ()), (z, (theta + PI,)), ("sx", ()), (z, (omega + PI,))]
        if "u2" in basis:
            return [("u2", (0.0, phi + PI / 2)), ("u2", (omega + PI / 2, theta + PI))]
        if "r" in basis:
            # RZ(w) RY(t) RZ(p) = R(pi, pi/2 + (w - p)/2) R(t - pi, pi/2 - p); with w = -p it is one R.
            if _is_turn_of_zero(omega + phi):
                return [("r", (theta, PI / 2 - phi))]
            return [("r", (theta - PI, PI / 2 - phi)), ("r", (PI, (PI + omega - phi) / 2))]
        # RX(a) = RY(pi/2) RZ(a) RY(-pi/2).
        tilted = rotation(0, -PI / 2, 0) @ unitary @ rotation(0, PI / 2, 0)
        first, middle, last = euler(tilted)
        return [("rx", (first,)), ("ry", (middle,)), ("rx", (last,))]


def _is_turn_of_zero(angle: float) -> bool:
    return abs(math.remainder(angle, 2 * PI)) < ZERO


def _same(one: Unitary, other: Unitary) -> bool:
    """Whether two unitaries [2, 2] are equal up to a phase."""
    overlap = np.vdot(one, other)
    return bool(abs(overlap) > 1 and np.abs(other - overlap / abs(overlap) * one).max() < ZERO)
