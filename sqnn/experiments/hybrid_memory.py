"""Peak memory of a step: what it needs above what is held before it."""

from __future__ import annotations

import dataclasses
import gc
import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from sqnn.experiments.hybrid_peers import installed_peers
from sqnn.experiments.hybrid_workloads import OURS, HybridSetting, Workload, build

MIB = 2**20
CLEAR_REFS, RESET_PEAK = Path("/proc/self/clear_refs"), "5"
"""Writing the one to the other sets the peak in /proc/self/status back to the memory held now; proc(5)."""
RETURN_AT_ONCE = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536"}
"""Environment in which glibc gives freed memory above this many bytes back to the system; mallopt(3)."""
CHILD = "from sqnn.experiments.hybrid_memory import answer; answer()"


def peak_mib(workloads: Sequence[Workload], setting: HybridSetting, device: str = "cpu") -> list[float | None]:
    """Return the peak memory of one step of each workload in MiB above what is held before the step.

    Held before, and so not in the number: weights, the optimiser's state, the batch. In it: activations kept for the
    backward pass, gradients, and every temporary that lives at the peak. None stands for what cannot be measured: a
    peer that is not installed, or all of them on a CPU without Linux's /proc.

    Each takes three steps, one workload after the other; the third is measured. On CUDA the number is
    max_memory_allocated - memory_allocated of PyTorch's allocator. On the CPU it is the peak of resident memory during
    the step (VmHWM, set back before it) minus resident memory before it (VmRSS), the libraries' workspaces included, in
    a fresh process of the same number of threads whose allocator returns freed memory at once, since old holes would
    hide new needs. Repetitions agree within one per cent from 20 MiB on; the kernel counts a MiB or so
    late. (ru_maxrss would not do: it begins at the peak of the parent process.)

    Raises RuntimeError where that process fails.
    """
    if device.startswith("cuda"):
        return [_peak(workload, setting, device) for workload in workloads]
    if not CLEAR_REFS.exists():
        return [None] * len(workloads)
    question = {
        "workloads": [dataclasses.asdict(workload) for workload in workloads],
        "setting": dataclasses.asdict(setting),
        "threads": torch.get_num_threads(),
    }
    done = subprocess.run(
        [sys.executable, "-c", CHILD],
        input=json.dumps(question),
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
    question = json.load(sys.stdin)
    size = tuple(question["setting"].pop("image_size"))
    setting = HybridSetting(image_size=size, **question["setting"])
    torch.set_num_threads(question["threads"])
    print(json.dumps([_peak(Workload(**values), setting, "cpu") for values in question["workloads"]]))


def _peak(workload: Workload, setting: HybridSetting, device: str) -> float | None:
    peers = installed_peers()
    if workload.maker != OURS and workload.maker not in peers:
        return None
    step = build(workload, setting, device, peers).step  # which is the first step
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
