"""The circle problem of data re-uploading, from the rows of `sqnn study circle`."""

from __future__ import annotations

from result_tables.base import bold, markdown, percent, rows, table
from sqnn.studies import CircleStudy

COMMAND = (
    "sqnn study circle --scalings added --out DIR`, then with `--qubits 2 --scalings added` and with `--scalings none"
)


@table("circle", "circle", COMMAND)
def circle() -> str:
    """Mean and range over the seeds, one column per kind of circuit."""
    summary = CircleStudy.summary(rows("circle"))
    kinds = {
        "one qubit, factors": ("added", 1),
        "two qubits, factors": ("added", 2),
        "one qubit, no factors": ("none", 1),
    }
    body = []
    for blocks, part in summary.groupby("n_blocks"):
        cells = [str(blocks)]
        for scaling, qubits in kinds.values():
            lines = part[(part.data_scaling == scaling) & (part.n_qubits == qubits)].to_dict("records")
            cells += [
                f"{bold(percent(line['mean'], 1))}, {percent(line['least'], 1)} to {percent(line['largest'], 1)} "
                f"({line['parameters']})"
                for line in lines
            ] or [""]
        body.append(cells)
    return markdown(["layers", *(f"{name} (parameters)" for name in kinds)], body)
