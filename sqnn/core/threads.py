"""The number of threads that PyTorch computes with on the CPU, chosen by the size of the work.

Another number of threads adds in another order, so that a training ends elsewhere. Small work, to which several threads
bring nothing, therefore gets one on every machine.
"""

from __future__ import annotations

from circuits import ONE_THREAD_WORK
from sqnn.core.config import is_whole, require
from sqnn.core.machine import cores

AUTO = "auto"
MOST_THREADS = 1024
EXPECTED = f"{AUTO} or a whole number from 1 to {MOST_THREADS:,}"
WORK_PER_THREAD = 2**18
"""Least work of each thread where there are several."""

Threads = int | str


def check_threads(threads: object) -> Threads:
    """Return `auto` or a number of threads, given as such or as a text; ConfigError on anything else."""
    number = int(threads) if isinstance(threads, str) and threads.isdecimal() else threads
    require(number == AUTO or (is_whole(number) and 1 <= number <= MOST_THREADS), "threads", threads, EXPECTED)
    return AUTO if number == AUTO else int(number)  # type: ignore[call-overload, no-any-return]


def threads_for(work: int, threads: Threads = AUTO) -> int:
    """Return how many threads to compute with, where `work` is the size of the feature maps of a step.

    `auto` is 1 up to ONE_THREAD_WORK, and beyond it one for every WORK_PER_THREAD, at most the cores and the threads
    that PyTorch takes now (OMP_NUM_THREADS, torch.set_num_threads).
    """
    import torch

    chosen = check_threads(threads)
    if not isinstance(chosen, str):
        return chosen
    return 1 if work <= ONE_THREAD_WORK else max(1, min(work // WORK_PER_THREAD, cores(), torch.get_num_threads()))
