"""Spikes within windows of time, and the window that says most of the label."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from sqnn.core import ConfigError, counted, is_whole, require
from sqnn.explain.signal.codes import information_by_chance, mutual_information, permuted_labels
from sqnn.explain.signal.result import Signal
from sqnn.explain.signal.trains import Labels, LayerLike, binary_trains, labels_of, start_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes


@dataclass(frozen=True, repr=False, eq=False)
class Windows(Signal):
    """Spike counts `[windows, batch, neurons]` within `windows`, each (first step, step after the last).

    `information` `[windows, neurons]` is that of the label in a neuron's count, in bits, less its mean under permuted
    labels; None without labels.
    """

    windows: tuple[tuple[int, int], ...]
    counts: Tensor
    information: Tensor | None = None

    @property
    def critical(self) -> tuple[int, int]:
        """The window whose counts say most of the label, by the mean over neurons; ConfigError without labels."""
        if self.information is None:
            raise ConfigError("labels: got None, expected one per image; without them no window is critical")
        return self.windows[int(self.information.mean(1).argmax())]

    @property
    def frame(self) -> pd.DataFrame:
        """One row per window: start, stop, spikes per image, and with labels the mean and best neuron's information."""
        import pandas as pd

        columns: dict[str, object] = {
            "start": [start for start, _ in self.windows],
            "stop": [stop for _, stop in self.windows],
            "spikes": self.counts.sum(2).mean(1).tolist(),
        }
        if self.information is not None:
            columns["information"] = self.information.mean(1).tolist()
            columns["best_neuron"] = self.information.argmax(1).tolist()
        return pd.DataFrame(columns)

    def draw(self, axes: Axes) -> None:
        """Draw the information of each window, or its spikes where there are no labels."""
        rows = self.frame
        heights = rows["spikes"] if self.information is None else rows["information"]
        names = [f"{start}-{stop - 1}" for start, stop in self.windows]
        axes.bar(names, heights, color="C0")
        what = "spikes per image" if self.information is None else "information of the label (bits per neuron)"
        axes.set_ylabel(what)
        axes.set_xlabel("steps")

    def summary(self) -> str:
        """Say how many windows there are, and which says most."""
        said = "" if self.information is None else f", critical {self.critical[0]} to {self.critical[1] - 1}"
        return f"{counted(len(self.windows), 'window')}{said}"


def spike_windows(
    layer: LayerLike,
    labels: Labels = None,
    *,
    width: int = 2,
    windows: Sequence[tuple[int, int]] | None = None,
    shuffles: int = 20,
    generator: torch.Generator | None = None,
) -> Windows:
    """Count spikes within windows of `width` steps, or within `windows`, each (first step, step after the last).

    With labels, the information of the label in each neuron's count is estimated as in `neural_codes`. Raises
    ConfigError on a window that is empty or leaves the recording.
    """
    trains = binary_trains(layer)
    start, stop = start_of(layer), start_of(layer) + len(trains)
    if windows is None:
        require(is_whole(width) and 1 <= width <= len(trains), "width", width, f"1 to {len(trains)} steps")
        windows = [(first, min(first + width, stop)) for first in range(start, stop, width)]
    require(len(windows) > 0, "windows", windows, "at least one (first, end)")
    for window in windows:
        if len(window) != 2 or not all(map(is_whole, window)) or not start <= window[0] < window[1] <= stop:
            raise ConfigError(f"windows: got {window}, expected (first, end) with {start} <= first < end <= {stop}")
    counts = torch.stack([trains[first - start : end - start].sum(0) for first, end in windows])
    information = None
    if labels is not None:
        known = labels_of(labels, trains.shape[1])
        flat = counts.permute(1, 0, 2).flatten(1).long()
        chance = information_by_chance(flat, permuted_labels(known, shuffles, generator))
        information = (mutual_information(flat, known) - chance).view(len(windows), -1)
    return Windows(windows=tuple((int(a), int(b)) for a, b in windows), counts=counts, information=information)
