"""Output of the commands: tables for people, JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from sqnn.cli.standard_output import is_standard_output, write_to_standard_output
from sqnn.core import ConfigError, WriteError, check_writable, write_text

if TYPE_CHECKING:
    from sqnn.metrics import ParameterCount

JSON = "json"
"""The option of every command's JSON file."""
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
    check_file(JSON, path)


def check_file(option: str, path: Path | None) -> None:
    """Raise ConfigError naming the option where its file cannot be written; makes the folder.

    The option `json` may name standard output.
    """
    if path is None or (option == JSON and is_standard_output(path)):
        return
    from sqnn.training import RunFolder

    try:
        if is_standard_output(path):
            raise ConfigError(f"{option}: got {path}, expected the path of a file; standard output takes --json alone")
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
        if path is not None and (other := options.setdefault(path.resolve(), option)) != option:
            raise ConfigError(f"{option}: got {path}, expected another file than --{other}")


def write_json(path: Path | None, value: object) -> None:
    """Write `value` to `path` where the user asked for it; the file appears whole or not at all.

    On standard output (`-`, /dev/stdout) it is alone: see `json_alone`.
    """
    if path is not None:
        text = json.dumps(value, indent=1) + "\n"
        try:
            if is_standard_output(path):
                write_to_standard_output(text)
            else:
                write_text(path, text)
        except BrokenPipeError as error:  # whoever reads has enough
            raise SystemExit(1) from error
        except WriteError as error:
            raise ConfigError(f"json: {error}") from error
        except OSError as error:
            raise ConfigError(f"json: cannot write to standard output ({error.strerror})") from error
