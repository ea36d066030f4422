"""Peak memory of a computation: what it needs above what is held before it."""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import torch

MIB = 2**20
CLEAR_REFS, RESET_PEAK = Path("/proc/self/clear_refs"), "5"
"""Writing the one to the other sets the peak in /proc/self/status back to the memory held now; proc(5)."""
RETURN_AT_ONCE = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536"}
"""Environment in which glibc gives freed memory above this many bytes back to the system; mallopt(3)."""
CHILD = "from sqnn.bench.memory import answer; answer()"

Question = dict[str, Any]
"""What to measure, in values that JSON has."""
Make = Callable[[Question, str], Callable[[], object] | None]
"""A function of a module, which builds on a device what a question asks for and has run it once; None: it cannot."""


def peaks_mib(make: Make, questions: Sequence[Question], device: str = "cpu") -> list[float | None]:
    """Return, for each question, the peak memory in MiB of what `make` builds above what is held before it runs.

    None stands for what cannot be measured: what cannot be built, or everything on a CPU without Linux's /proc.

    Each runs three times, one question after the other; the third is measured. On CUDA the number is
    max_memory_allocated - memory_allocated of PyTorch's allocator. On the CPU it is the peak of resident memory during
    the run (VmHWM, set back before it) minus resident memory before it (VmRSS), the libraries' workspaces included, in
    a fresh process of the same number of threads whose allocator returns freed memory at once, since old holes would
    hide new needs. Repetitions agree within one per cent from 20 MiB on; the kernel counts a MiB or so
    late. (ru_maxrss would not do: it begins at the peak of the parent process.)

    Raises RuntimeError where that process fails.
    """
    if device.startswith("cuda"):
        return [_peak(make, question, device) for question in questions]
    if not CLEAR_REFS.exists():
        return [None] * len(questions)
    asked = {
        "module": make.__module__,
        "make": make.__name__,
        "questions": list(questions),
        "threads": torch.get_num_threads(),
    }
    done = subprocess.run(
        [sys.executable, "-c", CHILD],
        input=json.dumps(asked),
        env={**os.environ, **RETURN_AT_ONCE},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        said = done.stderr.strip().splitlines()
        raise RuntimeError(f"memory: the process that measures it failed ({said[-1] if said else done.returncode})")
    # Libraries may print: the answer is the last line.
    values: list[float | None] = json.loads(done.stdout.splitlines()[-1])
    return values


def answer() -> None:
    """Measure, in the process made for it, what standard input asks, and print the numbers."""
    asked = json.load(sys.stdin)
    torch.set_num_threads(asked["threads"])
    make = getattr(import_module(asked["module"]), asked["make"])
    print(json.dumps([_peak(make, question, "cpu") for question in asked["questions"]]))


def _peak(make: Make, question: Question, device: str) -> float | None:
    step = make(question, device)
    if step is None:
        return None
    step()
    gc.collect()  # neurons that refer to each other would otherwise go at any time
    return _cuda_growth(step, device) if device.startswith("cuda") else _resident_growth(step)


def _cuda_growth(step: Callable[[], object], device: str) -> float:
    torch.cuda.synchronize(device)
    torch.cuda.reset_peak_memory_stats(device)
    before = torch.cuda.memory_allocated(device)
    step()
    torch.cuda.synchronize(device)
    return (torch.cuda.max_memory_allocated(device) - before) / MIB


def _resident_growth(step: Callable[[], object]) -> float | None:
    try:
        CLEAR_REFS.write_text(RESET_PEAK)
    except OSError:  # some containers forbid it
        return None
    before = _status("VmRSS")
    step()
    return max(0.0, _status("VmHWM") - before) / MIB


def _status(name: str) -> float:
    """Return an entry of /proc/self/status in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(float(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:"))
