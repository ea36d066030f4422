"""Every seed at the command line: whole numbers that a generator keeps, and nothing below 0."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
from collections.abc import Iterator
from pathlib import Path

import pytest

from sqnn.bench import BENCHMARKS
from sqnn.cli import main
from sqnn.cli.app import COMMANDS
from sqnn.studies import STUDIES

SEEDS = ("seed", "seeds")
ARGUMENTS = {"explain": ["run"], "study faithfulness": ["run"], "noise-sweep": ["run"]}
MOST = 2**32


def options() -> Iterator[tuple[str, str]]:
    """All commands with an option that is called so."""
    for name, command in COMMANDS.items():
        module, _, function = command.where.partition(":")
        if name not in ("bench", "study"):
            found = inspect.signature(getattr(importlib.import_module(module), function)).parameters
            yield from ((name, option) for option in SEEDS if option in found)
    for name, kind in STUDIES.items():
        fields = {field.name for field in dataclasses.fields(kind)}
        if not kind.alone:
            yield from ((f"study {name}", option) for option in SEEDS if option in fields)
    for name, benchmark in BENCHMARKS.items():
        fields = {field.name for field in dataclasses.fields(benchmark)}
        yield from ((f"bench {name}", option) for option in SEEDS if option in fields)


def test_the_commands_with_seeds_are_found() -> None:
    assert {("train", "seed"), ("explain", "seed"), ("study faithfulness", "seed"), ("compare", "seeds")} < {*options()}


@pytest.mark.parametrize(("command", "option"), list(options()))
@pytest.mark.parametrize("value", ["-1", "99999999999999999999999"])
def test_what_is_no_seed_is_refused(
    command: str, option: str, value: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    counts = option == "seeds" and value != "-1"  # so many repetitions, of which only some kinds have a limit
    if counts and command not in ("compare", "study seeds", "noise-sweep"):
        pytest.skip("a number of repetitions without a limit")
    assert main([*command.split(), *ARGUMENTS.get(command, []), f"--{option}", value]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"sqnn: {option}: got "), error
    assert value[:20] in error
    assert "expected" in error
    assert len(error.splitlines()) == 1


@pytest.mark.parametrize("value", [MOST, MOST + 7])
def test_more_than_a_generator_keeps_is_refused(value: int, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("train --recipe digits", "explain run", "study faithfulness run"):
        assert main([*command.split(), "--seed", str(value)]) == 2
        assert f"seed: got {value}, expected a whole number from 0 to 4,294,967,295" in capsys.readouterr().err
