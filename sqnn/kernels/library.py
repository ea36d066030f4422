"""The library of compiled kernels: found in a cache, or compiled on first use, or absent with a reason."""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from sqnn.core import ConfigError, machine

KERNELS = "SQNN_KERNELS"
"""Variable of the environment that turns kernels off (`off`); `on` makes it an error that there are none."""
SOURCES = tuple(Path(__file__).with_name(name) for name in ("vectors.h", "spiking_blocks.cpp", "rate_stages.cpp"))
COMPILERS = ("c++", "g++", "clang++")
"""Tried in this order, after the variable CXX."""
FLAGS = ("-O3", "-std=c++17", "-shared", "-fPIC", "-fno-math-errno", "-fno-trapping-math")
NATIVE = (("-march=native",), ("-mcpu=native",), ())
"""Flags for this very processor; the first that the compiler takes count."""


class Kernels(NamedTuple):
    """The loaded library, or None, and a line on where it comes from or why there is none."""

    library: ctypes.CDLL | None
    line: str


@cache
def kernels() -> Kernels:
    """Return the library; the first call on a machine compiles it, which takes some seconds and says so.

    Raises ConfigError on an unknown value of SQNN_KERNELS, and where it is `on` and there are no kernels.
    """
    wish = os.environ.get(KERNELS, "auto")
    if wish not in ("auto", "on", "off"):
        raise ConfigError(f"{KERNELS}: got {wish!r}, expected auto, on or off")
    found = Kernels(None, f"none: turned off by {KERNELS}") if wish == "off" else _build()
    if wish == "on" and found.library is None:
        raise ConfigError(f"{KERNELS}: got 'on', and there are {found.line}")
    return found


def run(function: Callable[..., None], groups: int, threads: int, *arguments: object) -> None:
    """Call a kernel on all groups, shared among threads; what it computes does not depend on their number."""
    threads = min(threads, groups)
    if threads == 1:
        function(*arguments, 0, groups)
        return
    ends = [groups * k // threads for k in range(threads + 1)]
    others = [_pool(threads).submit(function, *arguments, *part) for part in pairwise(ends[1:])]
    function(*arguments, ends[0], ends[1])
    for other in others:
        other.result()


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads - 1, thread_name_prefix="sqnn-kernel")


def _build() -> Kernels:
    """Return the library of the first compiler that makes one; where none does, the reason of the first that failed."""
    reasons = []
    for words in _compilers():
        try:
            return _built_by(words)
        except (OSError, subprocess.CalledProcessError) as error:
            said = getattr(error, "stderr", "") or str(error)
            reasons.append(f"none: {shlex.join(words)} failed: {' '.join(said.split())[:200]}")
    return Kernels(None, (reasons or ["none: no C++ compiler was found (install g++ or clang++, or set CXX)"])[0])


def _built_by(compiler: Sequence[str]) -> Kernels:
    version = _said_by([*compiler, "--version"]).partition("\n")[0]
    key = "\0".join(
        [*(source.read_text() for source in SOURCES), version, machine(), platform.machine(), _features(), *FLAGS]
    )
    path = _folder() / f"kernels-{hashlib.sha256(key.encode()).hexdigest()[:16]}.so"
    if path.exists():
        try:
            return Kernels(_load(path), f"compiled by {version}")
        except OSError:  # damaged: it is compiled once more
            path.unlink()
    _compile(compiler, path)
    return Kernels(_load(path), f"compiled by {version}")


def _compilers() -> list[list[str]]:
    """Return the commands of the compilers that are there, that of CXX first."""
    own = shlex.split(os.environ.get("CXX", ""))
    return [words for words in (own, *([name] for name in COMPILERS)) if words and shutil.which(words[0]) is not None]


def _features() -> str:
    """Return what this very processor can do, as Linux tells it: a library for another one may not run on it."""
    information = Path("/proc/cpuinfo")
    lines = information.read_text().splitlines() if information.exists() else []
    return next((line for line in lines if line.startswith(("flags", "Features"))), "")


def _folder() -> Path:
    """Return the folder of compiled libraries, which nobody but this user may write to: what lies there is run.

    Raises OSError where the folder cannot be made, or others may write to it.
    """
    import pooch

    folder = Path(pooch.os_cache("sqnn")) / "kernels"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    state = folder.stat()
    if hasattr(os, "getuid") and (state.st_uid != os.getuid() or state.st_mode & 0o022):
        raise OSError(f"{folder} may be written to by others; chmod 700 it, or remove it")
    return folder


def _said_by(command: Sequence[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def _compile(compiler: Sequence[str], path: Path) -> None:
    """Compile into a file of another name and put it into place: processes that do so at once do not meet."""
    name, sources = shlex.join(compiler), [str(source) for source in SOURCES if source.suffix == ".cpp"]
    print(f"sqnn: compiling kernels with {name} (once on this machine, some seconds)", file=sys.stderr, flush=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as place:
        made = Path(place) / path.name
        for number, native in enumerate(NATIVE, start=1):
            command = [*compiler, *FLAGS, *native, *sources, "-o", str(made)]
            done = subprocess.run(command, capture_output=True, text=True, check=number == len(NATIVE))
            if done.returncode == 0:
                break
        made.replace(path)


def _load(path: Path) -> ctypes.CDLL:
    library = ctypes.CDLL(str(path))
    pointer, number, real, flag = ctypes.c_void_p, ctypes.c_int64, ctypes.c_float, ctypes.c_int32
    neurons = (real, real, real, flag)
    for name, kinds in {
        "sqnn_pack": (*[pointer] * 2, *[number] * 5),
        "sqnn_unpack": (*[pointer] * 2, *[number] * 5),
        "sqnn_convolve": (*[pointer] * 4, *[number] * 8),
        "sqnn_spread": (*[pointer] * 3, *[number] * 6),
        "sqnn_fire": (*[pointer] * 4, *[number] * 4, *neurons, *[number] * 2),
        "sqnn_fire_backward": (*[pointer] * 6, *[number] * 5, *neurons, flag, real, *[number] * 2),
        "sqnn_convolve_backward": (*[pointer] * 7, *[number] * 8),
        "sqnn_correlate": (*[pointer] * 5, *[number] * 10),
        "sqnn_clip": (*[pointer] * 4, *[number] * 4),
        "sqnn_fire_steps": (*[pointer] * 5, *[number] * 4, *neurons, *[number] * 2),
        "sqnn_clip_backward": (*[pointer] * 6, *[number] * 5),
        "sqnn_correlate_backward": (*[pointer] * 7, *[number] * 9),
    }.items():
        function = getattr(library, name)
        function.argtypes, function.restype = kinds, None
    return library
