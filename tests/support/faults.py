"""Commands run in a copy of this process that is killed, stopped or out of disk at a change of a file of choice."""

from __future__ import annotations

import contextlib
import errno
import importlib
import itertools
import json
import multiprocessing
import os
import re
import signal
import sys
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import safetensors
import torch

from sqnn.cli import main
from sqnn.training import RunFolder

# A copy of this process imports nothing that this process has imported: see `load`.
FORK = multiprocessing.get_context("fork")
CHANGES = ("open", "os.mkdir", "os.rename", "os.remove", "os.truncate")
"""Events of Python's audit that come before a file is changed."""
RUNS_OUT = {"full": errno.ENOSPC, "read-only": errno.EROFS}
STOPS = {"kill": signal.SIGKILL, "interrupt": signal.SIGINT, "terminate": signal.SIGTERM}
FAULTS = (*STOPS, *RUNS_OUT)
OF_THE_CLOCK = ("seconds", "times", "sha256")
"""What a file says of the time that something took, and the digest of that."""


@dataclass(frozen=True)
class Outcome:
    """How a command ended: exit code (a signal's number below 0), what it said, which changes it was about to make.

    `modules` are those that were loaded when it ended by itself.
    """

    code: int
    errors: str
    changes: list[str]
    modules: list[str]


def run(arguments: Sequence[str], root: Path, fault: str = "", at: int = -1) -> Outcome:
    """Run a command of `sqnn` in the folder `root`; before the change of number `at` below it the fault happens."""
    log, said, loaded = (root.parent / f"{root.name}.{name}" for name in ("changes", "said", "modules"))
    for file in (log, loaded):
        file.write_text("")
    process = FORK.Process(target=_child, args=(list(arguments), root, fault, at, log, said, loaded))
    process.start()
    process.join()
    return Outcome(process.exitcode, said.read_text(), log.read_text().splitlines(), loaded.read_text().splitlines())


def load(modules: Sequence[str]) -> None:
    """Import these modules, so that the next copies of this process find them there."""
    with warnings.catch_warnings(action="ignore"):
        for name in modules:
            with contextlib.suppress(ImportError):  # made while a program runs, and in no file
                importlib.import_module(name)


def _child(arguments: list[str], root: Path, fault: str, at: int, log: Path, said: Path, loaded: Path) -> None:
    os.chdir(root)
    for descriptor, path in ((1, Path(os.devnull)), (2, said)):
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(file, descriptor)
    sys.stdout, sys.stderr = (os.fdopen(number, "w", buffering=1, closefd=False) for number in (1, 2))
    numbers = itertools.count()
    changes = os.open(log, os.O_WRONLY | os.O_APPEND)

    def change(event: str, path: Path) -> None:
        number = next(numbers)
        os.write(changes, f"{event.removeprefix('os.')} {_name(path.relative_to(root))}\n".encode())
        if fault in STOPS and number == at:
            os.kill(os.getpid(), STOPS[fault])
        if fault in RUNS_OUT and 0 <= at <= number and event != "os.remove":
            raise OSError(RUNS_OUT[fault], os.strerror(RUNS_OUT[fault]), str(path))

    _watch(root, change)
    code = main(arguments)
    loaded.write_text("\n".join(sys.modules))
    os._exit(code)


def _watch(root: Path, change: Callable[[str, Path], None]) -> None:
    """Call `change` before every change of a file below `root`; nothing of this can be undone in this process."""

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        if event in CHANGES and isinstance(arguments[0], str | bytes | os.PathLike):
            writes = event != "open" or int(arguments[2]) & (os.O_WRONLY | os.O_RDWR)
            path = Path(os.fsdecode(arguments[0])).absolute()
            if writes and root in path.parents:
                change(event, path)

    sys.addaudithook(hook)


def _name(path: Path) -> str:
    """The name of a file without what differs from process to process."""
    text = re.sub(r"\.\d+\.partial$", ".partial", path.as_posix())
    return re.sub(r"events\.out\..*", "events", text)


def contents(root: Path) -> dict[str, object]:
    """What the files below a folder say, but for the time of the day, the logs for TensorBoard and locks."""
    said: dict[str, object] = {}
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root).as_posix()
        if not path.is_file() or path.suffix == ".lock" or path.name == ".lock" or "/logs/" in f"/{name}":
            continue
        said[name] = _content(path)
    for settings in root.rglob("settings.yaml"):
        if settings.with_name("logs").is_dir():
            history = RunFolder(settings.parent).read_history()
            said[f"{settings.parent.name}: history"] = history.to_csv()
    return said


def _content(path: Path) -> object:
    if path.suffix == ".ckpt":
        stored = torch.load(path, weights_only=True)
        return {name: tensor.tolist() for name, tensor in stored["state_dict"].items()}
    if path.suffix == ".safetensors":  # the order of its header is that of a hash table
        with safetensors.safe_open(path, "pt") as file:
            return {name: file.get_tensor(name).tolist() for name in sorted(file.keys())}, file.metadata()
    if path.suffix == ".json":
        return _timeless(json.loads(path.read_text()))
    if path.suffix == ".csv":
        table = pd.read_csv(path)
        return table.drop(columns=[name for name in table if name in OF_THE_CLOCK]).to_csv()
    return path.read_bytes()


def _timeless(value: object) -> object:
    if isinstance(value, dict):
        return {name: _timeless(part) for name, part in value.items() if name not in OF_THE_CLOCK}
    return [_timeless(part) for part in value] if isinstance(value, list) else value


def lines(errors: str) -> list[str]:
    """The lines that a command printed as errors; empty ones, as Ctrl-C makes them in a terminal, do not count."""
    return [line for line in errors.splitlines() if line.strip()]
