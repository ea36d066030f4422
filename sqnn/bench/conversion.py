"""Time and memory of spiking networks beside those of the network they were converted from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from sqnn.bench.conversion_workloads import (
    OURS,
    SOURCE,
    TWIN,
    ConversionSetting,
    call,
    forward_of,
    from_plain,
    largest_layer_mib,
    plain,
)
from sqnn.bench.layerwise import alternating_medians
from sqnn.bench.memory import Question, peaks_mib
from sqnn.bench.peers.conversion import Converter, installed_converters
from sqnn.core import ConfigError
from sqnn.training import keep_freed_memory

Measure = Callable[[Sequence[str], ConversionSetting, str], Sequence[float | None]]
"""Peak memory of the named networks' forward passes in MiB, as `forward_peaks` gives it."""


@dataclass(frozen=True)
class ConversionTiming:
    """One network: median milliseconds of a forward pass, and its peak memory; or, in `note`, why there are none.

    `ratio` is its median over the source's, out of the same alternating repetitions. `changed` counts the images of the
    batch that it classifies otherwise than the source, a peer's otherwise than the ReLU twin it is made of.
    `spikes_mib` is the memory of the largest layer's spikes that are held at once, of all time steps of a T-th of the
    batch or of one step of all of it; `bound_mib` is the source's peak plus that.
    """

    name: str
    model: str
    width_multiplier: float
    inputs: str
    timesteps: int
    milliseconds: float | None
    against: str
    ratio: float | None
    changed: int | None
    peak_mib: float | None
    spikes_mib: float | None
    bound_mib: float | None
    device: str
    threads: int
    note: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as a mapping."""
        return asdict(self)


def forward_peaks(names: Sequence[str], setting: ConversionSetting, device: str = "cpu") -> list[float | None]:
    """Return the peak memory of one forward pass of each network in MiB, without weights and images; see `peaks_mib`.

    None stands for what cannot be measured. Raises RuntimeError where the process that measures fails.
    """
    questions = [{"name": name, "setting": plain(setting)} for name in names]
    return peaks_mib(make_forward, questions, device)


def make_forward(question: Question, device: str) -> Callable[[], object] | None:
    """Build the forward pass that a question of `forward_peaks` asks for, run once."""
    name, setting, converters = question["name"], from_plain(question["setting"]), installed_converters()
    if name not in (*OURS, *converters):
        return None
    source, twin = (network.to(device) for network in setting.sources())
    run = call(forward_of(name, setting, source, twin, converters), setting.images().to(device))
    run()
    return run


def compare_conversion(
    setting: ConversionSetting,
    *,
    budget: float = 2.0,
    device: str = "cpu",
    converters: Mapping[str, Converter] | None = None,
    measure: Measure | None = forward_peaks,
) -> list[ConversionTiming]:
    """Measure forward passes of a source network, of its ReLU twin, of the spiking networks made of it, and of peers.

    Float32, no gradients, random images, all for the same number of time steps. The networks take turns, so that
    whatever else the machine does hits all alike, for about `budget` seconds each and at least five turns. `measure`
    (None: no memory) comes afterwards. On the CPU the process keeps memory that is freed, as it does in training.
    """
    converters = installed_converters() if converters is None else converters
    keep_freed_memory()
    source, twin = (network.to(device) for network in setting.sources())
    images = setting.images().to(device)
    calls: dict[str, Callable[[], Tensor]] = {}
    trains: dict[str, int] = {}
    notes: dict[str, str] = {}
    said: dict[str, Tensor] = {}
    for name in (*OURS, *converters):
        try:
            forward = forward_of(name, setting, source, twin, converters)
            said[name] = call(forward, images)().argmax(1)
        except ConfigError as error:  # not every network has every order of execution
            notes[name] = str(error)
            continue
        calls[name], trains[name] = call(forward, images), forward.trains
    wait = partial(torch.cuda.synchronize, device) if device.startswith("cuda") else _nothing
    seconds = dict(zip(calls, alternating_medians(list(calls.values()), budget, wait=wait), strict=True))
    peaks = dict(zip(calls, measure(list(calls), setting, device), strict=True)) if measure else {}
    layer, held = largest_layer_mib(source, setting), peaks.get(SOURCE)
    rows = []
    for name in (*OURS, *converters):
        took, spikes = seconds.get(name), layer * trains.get(name, 0)
        origin = TWIN if name in converters else SOURCE
        rows.append(
            ConversionTiming(
                name=name,
                model=setting.model,
                width_multiplier=setting.width_multiplier,
                inputs="x".join(map(str, images.shape)),
                timesteps=setting.timesteps,
                milliseconds=took * 1e3 if took else None,
                against=SOURCE,
                ratio=took / seconds[SOURCE] if took else None,
                changed=int((said[name] != said[origin]).sum()) if name in said else None,
                peak_mib=peaks.get(name),
                spikes_mib=spikes if name in calls else None,
                bound_mib=held + spikes if held is not None and name in calls else None,
                device=device,
                threads=torch.get_num_threads(),
                note=notes.get(name, ""),
            )
        )
    return rows


def _nothing() -> None:
    pass
