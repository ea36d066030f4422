"""Peak memory of a computation, above what the process held before it."""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from sqnn.bench.benchmark import Question, TimedBenchmark

MIB = 2**20
CLEAR_REFS, RESET_PEAK = Path("/proc/self/clear_refs"), "5"
"""Writing the one to the other sets the peak in /proc/self/status back to the memory held now; proc(5)."""
RETURN_AT_ONCE = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536"}
"""Environment in which glibc gives freed memory above this many bytes back to the system; mallopt(3)."""
CHILD = "from sqnn.bench import BENCHMARKS; from sqnn.bench.memory import answer; answer(BENCHMARKS)"


def peaks_mib(benchmark: TimedBenchmark, questions: Sequence[Question]) -> list[float | None]:
    """Return the peak memory in MiB of what `benchmark.step` builds for each question, above what is held before it.

    A question is made of values that JSON has. None stands for what cannot be measured: what cannot be built, or
    everything on a CPU without Linux's /proc.

    Each runs three times, one question after the other; the third is measured. On CUDA the number is
    max_memory_allocated - memory_allocated of PyTorch's allocator. On the CPU it is the peak of resident memory during
    the run (VmHWM, set back before it) minus resident memory before it (VmRSS), the libraries' workspaces included, in
    a fresh process of the same number of threads whose allocator returns freed memory at once, since old holes would
    hide new needs. Repetitions agree within one per cent from 20 MiB on; the kernel counts a MiB or so
    late. (ru_maxrss would not do: it begins at the peak of the parent process.)

    Raises RuntimeError where that process fails.
    """
    if benchmark.device.startswith("cuda"):
        return [_peak(benchmark, question) for question in questions]
    if not CLEAR_REFS.exists():
        return [None] * len(questions)
    asked = {
        "name": benchmark.name,
        "options": benchmark.to_dict(),
        "questions": list(questions),
        "threads": torch.get_num_threads(),
    }
    process = subprocess.run(
        [sys.executable, "-c", CHILD],
        input=json.dumps(asked),
        env={**os.environ, **RETURN_AT_ONCE},
        capture_output=True,
        text=True,
        check=False,
    )
    if process.returncode:
        lines = process.stderr.strip().splitlines()
        raise RuntimeError(
            f"memory: the process that measures it failed ({lines[-1] if lines else process.returncode})"
        )
    # Libraries may print: the answer is the last line.
    return json.loads(process.stdout.splitlines()[-1])


def answer(benchmarks: Mapping[str, Any]) -> None:
    """Measure, in the process made for it, what standard input asks of one of the benchmarks, and print the numbers."""
    asked = json.load(sys.stdin)
    torch.set_num_threads(asked["threads"])
    benchmark: TimedBenchmark = benchmarks[asked["name"]].from_dict(asked["options"])
    print(json.dumps([_peak(benchmark, question) for question in asked["questions"]]))


def _peak(benchmark: TimedBenchmark, question: Question) -> float | None:
    step = benchmark.step(question)
    if step is None:
        return None
    for _ in range(2):
        step()
    gc.collect()  # neurons that refer to each other would otherwise go at any time
    return _cuda_growth(step, benchmark.device) if benchmark.device.startswith("cuda") else _resident_growth(step)


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
