"""Libraries of compiled kernels: found in a cache, or compiled on first use, or absent with a reason."""

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
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from torch import Tensor

KERNELS = "SQNN_KERNELS"
"""Variable of the environment that turns kernels off (`off`); `on` makes it an error that there are none.

Where CXX names a compiler, `on` takes it alone, and `auto` the others after it.
"""
HEADERS = tuple(Path(__file__).with_name(name) for name in ("vectors.h", "angles.h", "threads.h"))
"""What the sources of all libraries may include."""
COMPILERS = ("c++", "g++", "clang++")
"""Tried in this order, after the variable CXX."""
FLAGS = ("-O3", "-std=c++17", "-shared", "-fPIC", "-fno-math-errno", "-fno-trapping-math", "-pthread")
NATIVE = (("-march=native",), ("-mcpu=native",), ())
"""Flags for this very processor; the first that the compiler takes count."""


class Kernels(NamedTuple):
    """The loaded library, or None, and a line on where it comes from or why there is none."""

    library: ctypes.CDLL | None
    line: str
    lanes: int = 0
    """Samples of a group: they lie side by side in the vectors of this processor that the kernels compute with."""

    def call(self, name: str, tensors: Sequence[Tensor | None], *numbers: float) -> None:
        """Call a function of the library: the addresses of tensors, then numbers.

        Raises MemoryError where it did not get the memory that it works in.
        """
        addresses = [None if tensor is None else tensor.data_ptr() for tensor in tensors]
        if getattr(self.library, name)(*addresses, *numbers):
            raise MemoryError("a compiled kernel got no memory to work in; take a smaller batch")


def wanted() -> str:
    """Return whether kernels are wanted: auto, on or off. Raises ValueError on another value of SQNN_KERNELS."""
    wish = os.environ.get(KERNELS, "auto")
    if wish not in ("auto", "on", "off"):
        raise ValueError(f"{KERNELS}: got {wish!r}, expected auto, on or off")
    return wish


def load(title: str, sources: Sequence[Path], functions: Mapping[str, Sequence[type]]) -> Kernels:
    """Return the library of these C++ files; the first call on a machine compiles it, which takes some seconds.

    A line with the `title` says so, and another one where there are none. `functions` are the types of the arguments of
    each function.

    Raises ValueError on an unknown value of SQNN_KERNELS, and where it is `on` and there are no kernels.
    """
    wish = wanted()
    found = Kernels(None, f"none: turned off by {KERNELS}") if wish == "off" else _build(title, sources, wish == "on")
    if wish == "on" and found.library is None:
        raise ValueError(f"{KERNELS}: got 'on', and there are {found.line}")
    if wish == "auto" and found.library is None:
        why = found.line.removeprefix("none: ")
        print(f"sqnn: PyTorch computes without {title}, which is slower: {why}", file=sys.stderr, flush=True)
    if found.library is not None:
        for name, kinds in functions.items():
            function = getattr(found.library, name)
            function.argtypes, function.restype = kinds, ctypes.c_int32
        return found._replace(lanes=int(found.library.sqnn_lanes()))
    return found


def _build(title: str, sources: Sequence[Path], named_alone: bool) -> Kernels:
    """Return the library of the first compiler that makes one; where none does, the reason of the first that failed.

    With `named_alone`, the compiler of CXX is the only one where that names one.
    """
    try:
        folder = _folder()
    except OSError as error:
        return Kernels(
            None, f"none: no folder to keep them in ({error}); set XDG_CACHE_HOME to one that you can write to"
        )
    reasons: list[str] = []
    for words in _compilers(named_alone):
        try:
            made = _built_by(words, title, sources, folder)
        except (OSError, subprocess.CalledProcessError) as error:
            said = getattr(error, "stderr", "") or str(error)
            reasons.append(f"{shlex.join(words)} failed: {' '.join(said.split())[:200]}")
        else:
            if reasons and os.environ.get("CXX"):
                print(f"sqnn: CXX: {reasons[0]}; {shlex.join(words)} is taken", file=sys.stderr, flush=True)
            return made
    return Kernels(None, f"none: {(reasons or ['no C++ compiler was found (install g++ or clang++, or set CXX)'])[0]}")


def _built_by(compiler: Sequence[str], title: str, sources: Sequence[Path], folder: Path) -> Kernels:
    version = _said_by([*compiler, "--version"]).partition("\n")[0]
    texts = (source.read_text() for source in (*HEADERS, *sources))
    key = "\0".join([*texts, version, platform.machine(), _features(), *FLAGS])
    path = folder / f"kernels-{hashlib.sha256(key.encode()).hexdigest()[:16]}.so"
    if path.exists():
        try:
            return Kernels(_open(path), f"compiled by {version}")
        except OSError:  # damaged: it is compiled once more
            path.unlink()
    _compile(compiler, title, sources, path)
    return Kernels(_open(path), f"compiled by {version}")


def _compilers(named_alone: bool) -> list[list[str]]:
    """Return the command of CXX, and those of the compilers that are there, unless the named one is to be alone."""
    own = shlex.split(os.environ.get("CXX", ""))
    if own and named_alone:
        return [own]
    return [*([own] if own else []), *([name] for name in COMPILERS if shutil.which(name) is not None)]


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


def _compile(compiler: Sequence[str], title: str, sources: Sequence[Path], path: Path) -> None:
    """Compile into a file of another name and put it into place: processes that do so at once do not meet."""
    name, files = shlex.join(compiler), [str(source) for source in sources]
    print(f"sqnn: compiling {title} with {name} (once on this machine, some seconds)", file=sys.stderr, flush=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as place:
        made = Path(place) / path.name
        for number, native in enumerate(NATIVE, start=1):
            command = [*compiler, *FLAGS, *native, f"-I{Path(__file__).parent}", *files, "-o", str(made)]
            done = subprocess.run(command, capture_output=True, text=True, check=number == len(NATIVE))
            if done.returncode == 0:
                break
        made.replace(path)


def _open(path: Path) -> ctypes.CDLL:
    return ctypes.CDLL(str(path))
