"""Output of the commands: tables for people, JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from sqnn.core import ConfigError, WriteError, check_writable, write_text

if TYPE_CHECKING:
    from sqnn.metrics import ParameterCount

console = Console(highlight=False, soft_wrap=True)


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table; every column but the first is aligned to the right."""
    drawn = Table(title=title, title_justify="left", title_style="bold")
    for index, column in enumerate(columns):
        # What does not fit goes on in the next line: cut names could not be told apart.
        drawn.add_column(column, justify="left" if index == 0 else "right", overflow="fold")
    for row in rows:
        drawn.add_row(*map(str, row))
    console.print(drawn)


def parameter_table(title: str, counts: ParameterCount) -> None:
    """Print the parameters by part, as allocated and as far as they can change the output."""
    rows = [
        ("spiking", f"{counts.spiking:,}", f"{counts.spiking:,}"),
        ("quantum", f"{counts.quantum:,}", f"{counts.quantum_effective:,}"),
        ("classical", f"{counts.classical:,}", f"{counts.classical:,}"),
        ("total", f"{counts.total:,}", f"{counts.effective:,}"),
    ]
    table(title, ("part", "parameters", "effective"), rows)


def check_json(path: Path | None) -> None:
    """Raise ConfigError where the user asked for a JSON file that cannot be written, before any work is done."""
    check_file("json", path)


def check_file(option: str, path: Path | None) -> None:
    """Raise ConfigError naming the option where its file cannot be written; makes the folder."""
    if path is None:
        return
    from sqnn.training import RunFolder

    try:
        if path.is_dir():
            raise ConfigError(f"{option}: {path} is a folder, expected the name of a file")
        if path.exists() and not path.is_file():
            raise ConfigError(f"{option}: {path} is a device, expected the name of a file")
        if RunFolder(path.parent).owns(path):
            raise ConfigError(f"{option}: {path} belongs to the run in {path.parent}; choose another name")
        check_writable(path)
    except WriteError as error:
        raise ConfigError(f"{option}: {error}") from error


def check_files(**paths: Path | None) -> None:
    """Raise ConfigError where the file of an option cannot be written, or is that of another option."""
    options: dict[Path, str] = {}
    for option, path in paths.items():
        check_file(option, path)
        if path == Path("-"):
            raise ConfigError(f"{option}: got -, expected the path of a file, such as {option}.json or /dev/stdout")
        if path is not None and (other := options.setdefault(path.resolve(), option)) != option:
            raise ConfigError(f"{option}: got {path}, expected another file than --{other}")


def write_json(path: Path | None, value: object) -> None:
    """Write `value` to `path` where the user asked for it; the file appears whole or not at all."""
    if path is not None:
        try:
            write_text(path, json.dumps(value, indent=1) + "\n")
        except WriteError as error:
            raise ConfigError(f"json: {error}") from error
