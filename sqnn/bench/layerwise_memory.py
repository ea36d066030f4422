"""Peak memory of the steps that the hybrid benchmark measures."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

from sqnn.bench.layerwise_workloads import OURS, HybridSetting, Workload, build
from sqnn.bench.memory import Question, peaks_mib
from sqnn.bench.peers.layerwise import installed_peers


def peak_mib(workloads: Sequence[Workload], setting: HybridSetting, device: str = "cpu") -> list[float | None]:
    """Return the peak memory of one step of each workload in MiB above what is held before the step; see `peaks_mib`.

    Held before, and so not in the number: weights, the optimiser's state, the batch. In it: activations kept for the
    backward pass, gradients, and every temporary that lives at the peak. None stands for what cannot be measured: a
    peer that is not installed, or all of them on a CPU without Linux's /proc.

    Raises RuntimeError where the process that measures fails.
    """
    sizes = dataclasses.asdict(setting)
    questions = [{"workload": dataclasses.asdict(workload), "setting": sizes} for workload in workloads]
    return peaks_mib(make_step, questions, device)


def make_step(question: Question, device: str) -> Callable[[], object] | None:
    """Build the step that a question of `peak_mib` asks for, run once; None where its peer is not installed."""
    workload, peers = Workload(**question["workload"]), installed_peers()
    if workload.maker != OURS and workload.maker not in peers:
        return None
    size = tuple(question["setting"]["image_size"])
    setting = HybridSetting(**{**question["setting"], "image_size": size})
    return build(workload, setting, device, peers).step
