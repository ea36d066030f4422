"""`sqnn bench`: one command per benchmark, made from its fields, and one that checks the peers."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from sqnn.bench import BENCHMARKS, Benchmark, check_peers, read_rows, same_cell
from sqnn.cli.options import config_options, option, with_options
from sqnn.cli.output import check_files, console, table, write_json
from sqnn.core import ConfigError, Row, counted, require

app = typer.Typer(help="Compare speed and memory with other public libraries, side by side.", no_args_is_help=True)


@app.callback()
def root() -> None:
    """Compare speed and memory with other public libraries, side by side."""


def _command(kind: type[Benchmark]) -> None:
    """Add the command of a benchmark: its fields are options, its docstring is the help."""
    common = [
        option("out", Path, "write the rows to this CSV file, as they come"),
        option("json", Path, "also write the rows to this JSON file"),
        option("quick", bool, f"a short run: {', '.join(f'{name} {value}' for name, value in kind.quick.items())}"),
        option("resume", bool, f"go on with the rows of the file (default: {'yes' if kind.resumes else 'no'})"),
        option("minutes", float, "begin nothing new after so many minutes"),
    ]

    def run(**values: object) -> None:
        _run(kind, values)

    run.__name__, run.__doc__ = kind.name, inspect.getdoc(kind)
    app.command(kind.name)(with_options(config_options(kind), common)(run))


def _run(kind: type[Benchmark], values: dict[str, Any]) -> None:
    out, json, quick, resume, minutes = (values.pop(name) for name in ("out", "json", "quick", "resume", "minutes"))
    require(
        not resume or out is not None, "resume", resume, "none, or --out FILE beside it, whose rows it goes on with"
    )
    resume = kind.resumes if resume is None else resume
    check_files(out=out, json=json)
    if minutes is not None and not minutes > 0:
        raise ConfigError(f"minutes: got {minutes}, expected a number above 0")
    options = {name: value for name, value in values.items() if value is not None}
    benchmark = kind(**{**(kind.quick if quick else {}), **options})
    if out is not None and not resume and out.is_file() and out.stat().st_size > 0:
        raise ConfigError(f"out: {out} holds rows already; --resume goes on with them, or choose another file")
    rows = read_rows(out, kind.key) if resume and out is not None else []
    before = len(rows)
    for measured in benchmark.run(out, before=rows, minutes=minutes):
        if len(rows) == before:
            _print_where(benchmark, measured[0])
        rows += measured
        _print_cell(benchmark, measured)
    if before and len(rows) == before:
        _print_where(benchmark, rows[0])
        missing = 0
        for cell in benchmark.cells():
            there = [row for row in rows if same_cell(row, cell, kind.key)]
            missing += not there
            if there:
                _print_cell(benchmark, there)
        left = f"lacks {counted(missing, 'cell')}; give it more --minutes" if missing else "is complete"
        console.print(f"nothing was measured: {out} {left}")
    write_json(json, rows)
    sentence, code = benchmark.verdict(rows)
    if sentence:
        console.print(sentence)
    if code:
        raise typer.Exit(code)


def _print_where(benchmark: Benchmark, row: Row) -> None:
    """Print what all rows have in common: processor, threads, and what the benchmark says of itself."""
    where = f"{row['machine']}, {counted(int(row['threads'] or 0), 'thread')}"
    console.print(", ".join(filter(None, (where, benchmark.state()))))


def _print_cell(benchmark: Benchmark, measured: Sequence[Row]) -> None:
    """Print the rows of a cell as a table, and their notes below it."""
    columns = [part.partition(":") for part in benchmark.shown.split()]
    cells = [[_show(row[column], form) for column, _, form in columns] for row in measured]
    table(benchmark.title(measured[0]), [column.replace("_", " ") for column, *_ in columns], cells)
    for row in measured:
        if row.get("note"):
            console.print(f"{row[columns[0][0]]}: {row['note']}")


def _show(value: str | float | None, form: str) -> str:
    """Return a value in a format, `ms` being seconds in milliseconds, and a dash where there is none.

    Numbers that were read from a file are texts.
    """
    if value is None or value == "":
        return "-"
    if isinstance(value, str) and form:
        with contextlib.suppress(ValueError):
            value = int(value) if form.endswith("d") else float(value)
    if form == "ms":
        return f"{float(value) * 1e3:,.2f} ms"
    return value if isinstance(value, str) else format(value, form)


for benchmark in BENCHMARKS.values():
    _command(benchmark)


@app.command("peers")
def peers(
    pinned: Annotated[
        list[Path] | None, typer.Option(help="file of requirements whose versions the installed packages must have")
    ] = None,
    required: Annotated[list[Path] | None, typer.Option(help="the same, of packages that have to be installed")] = None,
) -> None:
    """List the peers, and check that those installed compute what our engine does.

    Exit code 1 says that a peer disagrees, or that a package has another version than the one pinned.

    Examples:

    sqnn bench peers

    sqnn bench peers --pinned constraints.txt --required benchmarks/requirements.txt
    """
    findings = list(check_peers(pinned or (), required or ()))
    table("Peers", ("peer", "version", ""), [(name, version or "-", remark) for name, version, remark, _ in findings])
    if any(finding.wrong for finding in findings):
        raise typer.Exit(1)
