"""`sqnn bench`."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Annotated

import typer

from sqnn.cli.bench_conversion import conversion
from sqnn.cli.bench_hybrid import hybrid
from sqnn.cli.bench_parts import check_bench, write_rows
from sqnn.cli.device import machine
from sqnn.cli.output import console, table, write_json

app = typer.Typer(help="Measure speed side by side with public peers.", no_args_is_help=True)

GRID_QUBITS, GRID_BLOCKS, GRID_BATCHES = "2,4,9,12", "1,2,3,6", "1,16,128,1024"
# Beyond the grid: four blocks on the ring, and six blocks with everything joined.
EXTRA = ((9, 4, "ring", 128), (9, 6, "all", 128))


@app.callback()
def root() -> None:
    """Measure speed side by side with public peers."""


app.command()(hybrid)
app.command()(conversion)


@app.command()
def quantum(
    qubits: Annotated[str, typer.Option(help="numbers of qubits, with commas")] = GRID_QUBITS,
    blocks: Annotated[str, typer.Option(help="numbers of blocks, with commas")] = GRID_BLOCKS,
    batches: Annotated[str, typer.Option(help="batch sizes, with commas")] = GRID_BATCHES,
    entangler: Annotated[str, typer.Option(help="CZ layer between blocks")] = "ring",
    quick: Annotated[
        bool, typer.Option(help="only the paper's circuit (9 qubits, 2 blocks, batch 128), instead of the grid")
    ] = False,
    budget: Annotated[float, typer.Option(help="seconds of timing for each engine and circuit")] = 1.0,
    device: Annotated[str, typer.Option(help="torch device: cpu, cuda")] = "cpu",
    out: Annotated[Path | None, typer.Option(help="write the rows to this CSV file")] = None,
    json: Annotated[Path | None, typer.Option(help="also write the rows to this JSON file")] = None,
) -> None:
    """Time forward + backward (float32, gradients of inputs and weights) of our engine and of every installed peer.

    Peers are listed in benchmarks/requirements.txt; those that are not installed are left out.

    Examples:

    sqnn bench quantum --quick

    sqnn bench quantum --qubits 9 --blocks 2,3 --batches 128 --out table.csv
    """
    from circuits import DataReupload
    from sqnn.bench import compare

    check_bench(out, json, budget, device)
    grid = product(_numbers("qubits", qubits), _numbers("blocks", blocks), _numbers("batches", batches))
    cells = [(n, depth, entangler, batch) for n, depth, batch in grid]
    if (qubits, blocks, batches, entangler) == (GRID_QUBITS, GRID_BLOCKS, GRID_BATCHES, "ring"):
        cells += EXTRA
    if quick:
        cells = [(9, 2, "ring", 128)]
    console.print(f"{machine()}, {device}")
    rows = []
    for n, depth, joined, batch in cells:
        timings = list(compare(DataReupload(n, depth, joined), batch, budget=budget, device=device))
        rows += [timing.to_dict() for timing in timings]
        table(
            f"{n} qubits, {depth} blocks, {joined}, batch {batch}",
            ("engine", "median", "samples/s", "times ours", ""),
            [
                (
                    timing.engine,
                    f"{timing.seconds * 1e3:.2f} ms" if timing.seconds else "-",
                    f"{batch / timing.seconds:,.0f}" if timing.seconds else "-",
                    f"{timing.ratio:.1f}" if timing.ratio else "-",
                    timing.note,
                )
                for timing in timings
            ],
        )
        write_rows(out, rows)
    write_json(json, rows)


@app.command()
def noise(
    specification: Annotated[str, typer.Option("--noise", help="noise of the circuit")] = "paper",
    qubits: Annotated[int, typer.Option(help="qubits")] = 9,
    blocks: Annotated[int, typer.Option(help="blocks")] = 2,
    entangler: Annotated[str, typer.Option(help="CZ layer between blocks")] = "ring",
    shots: Annotated[int, typer.Option(help="shots of the third task")] = 1024,
    budget: Annotated[float, typer.Option(help="seconds of timing for each engine and task")] = 2.0,
    out: Annotated[Path | None, typer.Option(help="write the rows to this CSV file")] = None,
    json: Annotated[Path | None, typer.Option(help="also write the rows to this JSON file")] = None,
) -> None:
    """Time noisy expectations: exact, exact with gradients, and from shots, on every engine that can.

    The library's default.mixed and Aer's density matrix are run the way their documentation shows; qiskit.aer of
    pennylane-qiskit takes part where it is installed.

    Examples:

    sqnn bench noise

    sqnn bench noise --noise depolarizing:0.01 --qubits 6 --out noise.csv
    """
    from circuits import DataReupload, resolve_noise
    from sqnn.bench import compare_noisy

    check_bench(out, json, budget)
    circuit = DataReupload(qubits, blocks, entangler)
    chosen = resolve_noise(specification, circuit)
    if chosen is None:
        raise ValueError(f"noise: got {specification!r}, expected noise; sqnn bench quantum times circuits without it")
    console.print(f"{machine()}; {chosen}")
    rows = []
    for timing in compare_noisy(circuit, chosen, shots=shots, budget=budget):
        rows.append(timing.to_dict())
        console.print(
            f"{timing.task}: {timing.engine}, batch {timing.batch}: {timing.seconds * 1e3:,.2f} ms, "
            f"{timing.samples_per_second:,.1f} samples/s, {_ratio(timing.ratio)} times behind the first"
        )
        write_rows(out, rows)
    table(
        f"{circuit.n_qubits} qubits, {circuit.n_blocks} blocks, {circuit.entangler}",
        ("task", "engine", "batch", "samples/s", "ratio"),
        [(r["task"], r["engine"], r["batch"], f"{r['samples_per_second']:,.1f}", _ratio(r["ratio"])) for r in rows],
    )
    write_json(json, rows)


def _ratio(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _numbers(name: str, text: str) -> list[int]:
    try:
        values = [int(part) for part in text.split(",") if part.strip()]
    except ValueError:
        values = []
    if not values or min(values) < 1:
        raise ValueError(f"{name}: got {text!r}, expected whole numbers with commas, such as 2,4,9")
    return values
