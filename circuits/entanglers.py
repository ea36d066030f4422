"""Which pairs of wires a CZ layer joins, in the order in which the gates stand."""

from __future__ import annotations

ENTANGLERS: tuple[str, ...] = ("ring", "line", "brick", "all", "none")

Edge = tuple[int, int]


def edges(entangler: str, n_qubits: int) -> tuple[Edge, ...]:
    """Return the ordered pairs (control, target) of one entangling layer.

    `ring` joins (i, i+1 mod n), `line` leaves out the closing pair, `brick` is the ring with the even pairs
    first and the odd ones after them (the same unitary, since CZ gates commute, but of depth two instead of n),
    `all` joins every pair once, `none` joins nothing. Two wires have a single pair in every form: the ring's
    second CZ on the same pair would cancel the first.

    Raises ValueError on an unknown name.
    """
    if entangler not in ENTANGLERS:
        raise ValueError(f"entangler: got {entangler!r}, expected one of {', '.join(ENTANGLERS)}")
    line = tuple((i, i + 1) for i in range(n_qubits - 1))
    closing = ((n_qubits - 1, 0),) if n_qubits > 2 else ()
    if entangler == "ring":
        return line + closing
    if entangler == "line":
        return line
    if entangler == "brick":
        return line[0::2] + line[1::2] + closing
    if entangler == "all":
        return tuple((i, j) for i in range(n_qubits) for j in range(i + 1, n_qubits))
    return ()
