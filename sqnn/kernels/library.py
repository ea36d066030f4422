"""The library of compiled kernels: found in a cache, or compiled on first use, or absent with a reason."""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from sqnn.core import ConfigError, machine

KERNELS = "SQNN_KERNELS"
"""Variable of the environment that turns kernels off (`off`); `on` makes it an error that there are none."""
SOURCE = Path(__file__).with_name("spiking_blocks.cpp")
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


def kernels_asked() -> str:
    """Return a line on the kernels that this process computed with, or why it did without."""
    return kernels().line if kernels.cache_info().currsize else "none asked for"


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
    compiler = next((path for name in _candidates() if (path := shutil.which(name)) is not None), None)
    if compiler is None:
        return Kernels(None, "none: no C++ compiler was found (install g++ or clang++, or set CXX)")
    asked = subprocess.run([compiler, "--version"], capture_output=True, text=True, check=False)
    version = (asked.stdout.splitlines() or [compiler])[0]
    key = "\0".join([SOURCE.read_text(), version, machine(), platform.machine(), *FLAGS])
    name = f"kernels-{hashlib.sha256(key.encode()).hexdigest()[:16]}.so"
    try:
        built = _folder() / name
        if not built.exists():
            _compile(compiler, built)
        return Kernels(_load(built), f"compiled by {version}")
    except (OSError, subprocess.CalledProcessError) as error:
        said = getattr(error, "stderr", "") or str(error)
        return Kernels(None, f"none: {compiler} failed: {' '.join(said.split())[:200]}")


def _candidates() -> tuple[str, ...]:
    own = os.environ.get("CXX", "").split()
    return (own[0], *COMPILERS) if own else COMPILERS


def _folder() -> Path:
    """Return the folder of compiled libraries of this user, which nobody else may write to."""
    import pooch

    folder = Path(pooch.os_cache("sqnn")) / "kernels"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def _compile(compiler: str, path: Path) -> None:
    """Compile into a file of another name and put it into place: processes that do so at once do not meet."""
    print(f"sqnn: compiling kernels with {compiler} (once on this machine, some seconds)", file=sys.stderr, flush=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as place:
        made = Path(place) / path.name
        for number, native in enumerate(NATIVE, start=1):
            command = [compiler, *FLAGS, *native, str(SOURCE), "-o", str(made)]
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
        "sqnn_fire": (*[pointer] * 4, *[number] * 4, *neurons, *[number] * 2),
        "sqnn_fire_backward": (*[pointer] * 6, *[number] * 5, *neurons, flag, real, *[number] * 2),
        "sqnn_convolve_backward": (*[pointer] * 7, *[number] * 8),
    }.items():
        function = getattr(library, name)
        function.argtypes, function.restype = kinds, None
    return library
