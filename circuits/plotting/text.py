"""The circuit as text: one line per wire, one column per gate that cannot share a column with its neighbour."""

from __future__ import annotations

from collections.abc import Iterable

from circuits.gate import Gate


def draw_text(n_qubits: int, gates: Iterable[Gate]) -> str:
    """Return one line per wire: `Rot(x2)` reads data angles of wire 2, `Rot(w1,2)` the weights of block 1, wire 2.

    The two ends of a CZ are marked with a dot, the target of a CNOT with an X, that of a CRZ with the number of its
    angle; a bar marks the wires it passes.
    """
    lines = [f"{wire}: " for wire in range(n_qubits)]
    margin = max(map(len, lines))
    lines = [line.rjust(margin) for line in lines]
    used: list[set[int]] = []
    columns: list[dict[int, str]] = []
    block, start = 0, 0
    for gate in gates:
        if gate.block != block:
            block, start = gate.block, len(columns)
        low, high = min(gate.wires), max(gate.wires)
        span = set(range(low, high + 1))
        # A gate slides left to the first column of its block after every gate that shares a wire with it.
        place = next((k + 1 for k in range(len(used) - 1, start - 1, -1) if used[k] & span), start)
        if place == len(columns):
            columns.append({})
            used.append(set())
        used[place] |= span
        if gate.name != "Rot":
            columns[place].update(dict.fromkeys(span, "│"))
            target = {"CZ": "●", "CNOT": "X", "CRZ": f"RZ(c{gate.coupling})"}[gate.name]
            columns[place].update({gate.wires[0]: "●", gate.wires[1]: target})
        else:
            wire = gate.wires[0]
            columns[place][wire] = f"Rot({_angles(gate.source, gate.block, wire)})"
    for column in columns:
        width = max(map(len, column.values()))
        for wire in range(n_qubits):
            lines[wire] += "─" + column.get(wire, "").center(width, "─")
    return "\n".join(line + "─┤ <Z>" for line in lines)


def _angles(source: str | None, block: int, wire: int) -> str:
    data, weights = f"x{wire}", f"w{block},{wire}"
    return {"inputs": data, "weights": weights}.get(source or "", f"{weights}+{data}")
