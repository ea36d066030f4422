"""When instructions act, and how long wires wait for each other: delays, in which they relax."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from circuits.basis import Instruction
from noise_models import Noise, gate_channel

if TYPE_CHECKING:
    from circuits.transfer import Transfer

DELAY = "delay"
"""The instruction of a wire that waits."""
SHORTEST = 1e-15
"""Seconds below which a difference of two sums of times is rounding."""


def with_delays(
    instructions: Iterable[Instruction], noise: Noise, n_wires: int, n_qubits: int
) -> tuple[Instruction, ...]:
    """Return the instructions with a delay wherever a wire waits, where the noise acts on waiting wires.

    Each instruction begins as soon as all its wires are free. The first `n_qubits` wires are read together, when the
    last instruction has ended.
    """
    if not noise.waits:
        return tuple(instructions)
    free = [0.0] * n_wires
    out: list[Instruction] = []

    def wait(wire: int, until: float) -> None:
        if until - free[wire] > SHORTEST and noise.waiting(wire, until - free[wire]) is not None:
            out.append(Instruction(DELAY, (wire,), (), until - free[wire]))

    for step in instructions:
        begin = max(free[wire] for wire in step.wires)
        end = begin + noise.duration(step.name, step.wires)
        for wire in step.wires:
            wait(wire, begin)
            free[wire] = end
        out.append(step)
    for wire in range(n_qubits):
        wait(wire, max(free))
    return tuple(out)


def channel_after(step: Instruction, noise: Noise, pairs: Iterable[tuple[int, ...]]) -> Transfer | None:
    """Return the Pauli transfer matrix, in Qiskit's order, of the noise after an instruction; None for no noise.

    `pairs` are the wires of all two-qubit instructions, in their order there.
    """
    if step.name == DELAY:
        return noise.waiting(step.wires[0], step.seconds)
    return gate_channel(noise.model(pairs), step.name, step.wires)
