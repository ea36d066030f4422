"""The causal graph of a layer: what changes in the network when one of its channels or neurons is clamped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from sqnn.core import ConfigError, counted, is_whole, number_of, require, whole
from sqnn.data import ImageData, Split
from sqnn.explain.behaviour.features import train_of, units_of
from sqnn.explain.behaviour.interventions import Change, Tabled, changed_spikes, spikes_and_head
from sqnn.explain.recording import SpikeRecord
from sqnn.models import HasNetwork, network_of, require_network

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ANSWER = "answer"
"""Name of the network's answer among the effects."""


@dataclass(frozen=True, eq=False, repr=False)
class CausalGraph(Tabled):
    """What clamping a channel or neuron of a layer changes, as shares of images.

    `causes` are its units, `effects` the units of all recorded layers and, last, the network's answer. `silenced` and
    `forced` [causes, effects] are the shares of images on which the train of an effect (the answer) differs where the
    cause never fires, or fires everywhere at every step; NaN from a unit to itself. `first` [causes, effects] is the
    first step at which a train differs on any image, -1 where none does and for the answer. There is an edge where one
    of the shares is at least `share`.
    """

    layer: str
    causes: tuple[str, ...]
    effects: tuple[str, ...]
    silenced: Tensor
    forced: Tensor
    first: Tensor
    images: int
    share: float

    @property
    def strength(self) -> Tensor:
        """The larger of the two shares, [causes, effects]."""
        return torch.maximum(self.silenced, self.forced)

    @property
    def edges(self) -> list[tuple[str, str]]:
        """Cause and effect of each edge."""
        pairs = (self.strength >= self.share).nonzero().tolist()
        return [(self.causes[cause], self.effects[effect]) for cause, effect in pairs]

    @property
    def frame(self) -> pd.DataFrame:
        """One row per edge, the strongest first: cause, effect, both shares and the first step that differs."""
        import pandas as pd

        rows = [
            (
                self.causes[i],
                self.effects[j],
                float(self.silenced[i, j]),
                float(self.forced[i, j]),
                int(self.first[i, j]),
            )
            for i, j in (self.strength >= self.share).nonzero().tolist()
        ]
        table = pd.DataFrame(rows, columns=["cause", "effect", "silenced", "forced", "first_step"])
        order = table[["silenced", "forced"]].max(axis=1).sort_values(ascending=False, kind="stable").index
        return table.loc[order].reset_index(drop=True)

    def plot(self, ax: Axes | None = None) -> Figure:
        """Draw the strengths, causes in rows and effects in columns; edges have a dot."""
        from circuits.plotting import panel

        size = (1.5 + 0.28 * len(self.effects), 1.4 + 0.28 * len(self.causes))
        figure, axes = panel(ax, size, f"clamping of {self.layer}, {counted(self.images, 'image')}")
        image = axes.imshow(self.strength.numpy(), cmap="Blues", vmin=0, vmax=1, aspect="auto")
        rows, columns = (self.strength >= self.share).nonzero().unbind(1)
        axes.plot(columns, rows, ".", color="C1", ms=4)
        axes.set_xticks(range(len(self.effects)), self.effects, rotation=90, fontsize=6)
        axes.set_yticks(range(len(self.causes)), self.causes, fontsize=6)
        figure.colorbar(image, ax=axes, label="share of images changed")
        return figure

    def to_dict(self) -> dict[str, object]:
        """Return names, shares and first steps as plain values, None where a unit meets itself."""
        shares = {
            name: [[None if value != value else value for value in row] for row in getattr(self, name).tolist()]
            for name in ("silenced", "forced")
        }
        names: dict[str, object] = {"layer": self.layer, "causes": list(self.causes), "effects": list(self.effects)}
        return {**names, **shares, "first": self.first.tolist(), "images": self.images, "share": self.share}

    def __repr__(self) -> str:
        edges, units = counted(len(self.edges), "edge"), counted(len(self.causes), "unit")
        images = counted(self.images, "image")
        return f"CausalGraph({self.layer}: {edges} from {units} at a share of {self.share:g} of {images})"


def causal_graph(
    model: nn.Module | HasNetwork,
    data: ImageData | Split,
    layer: str,
    *,
    units: Sequence[int] | None = None,
    images: int = 100,
    share: float = 0.1,
) -> CausalGraph:
    """Clamp each channel (or neuron) of a layer to silence and to constant fire, and see which trains change.

    The first so many `images` of the test part, or of the split given, are run once as they are and twice per unit.
    `units` are those of the layer that are clamped, all by default. There is an edge from i to j where clamping i
    changes the train of j, or the answer, on at least a `share` of the images (above 0, at most 1).

    Raises ConfigError where the network has no such layer or unit, none is named, or its neurons cannot be clamped.

    Source: interventions do(s_i = 0), do(s_i = 1), Pearl, "Causality" (2009), chapter 3.
    """
    network = require_network(network_of(model))
    split = data.test if isinstance(data, ImageData) else data
    require(isinstance(split, Split) and len(split) > 0, "data", data, "an ImageData or a split with images in it")
    share = number_of("share", share)
    require(0 < share <= 1, "share", share, "a share of images above 0 and at most 1")
    batch = split.floats(slice(min(whole("images", images), len(split))))
    with changed_spikes(network, layer, lambda spikes: spikes):  # refuses what cannot be clamped
        plain = spikes_and_head(network, batch)
    if layer not in plain.layers:
        raise ConfigError(f"layer: got {layer}, which these images do not reach, expected {', '.join(plain.layers)}")
    named = list(units_of(plain))
    sources = [(unit, name) for at, unit, name in named if at.name == layer]
    chosen = _units(units, len(sources), layer)
    before = _trains(plain)
    effects = (*(name for _, _, name in named), ANSWER)
    shares = torch.zeros(2, len(chosen), len(effects))
    first = torch.full((len(chosen), len(effects)), -1)
    for row, unit in enumerate(chosen):
        steps = []
        for value in (0, 1):
            with changed_spikes(network, layer, _clamp(unit, value)):
                after = spikes_and_head(network, batch)
            differs = torch.stack([(a != b).any(2) for a, b in zip(_trains(after), before, strict=True)], 2)
            answers = after.predictions != plain.predictions
            shares[value, row] = torch.cat([differs.any(0).double().mean(0), answers.double().mean()[None]]).float()
            steps.append(differs.any(1))
        once = steps[0] | steps[1]
        first[row, :-1] = torch.where(once.any(0), once.to(torch.uint8).argmax(0), -1)
        itself = next(j for j, (at, other, _) in enumerate(named) if at.name == layer and other == unit)
        shares[:, row, itself], first[row, itself] = torch.nan, -1
    causes = tuple(sources[unit][1] for unit in chosen)
    return CausalGraph(layer, causes, effects, shares[0], shares[1], first, len(batch), share)


def _units(units: Sequence[int] | None, count: int, layer: str) -> list[int]:
    """Return the numbers of the units that are clamped; ConfigError where there is none, or one is no unit."""
    if units is None:
        return list(range(count))
    expected = f"whole numbers from 0 to {count - 1}, the units of {layer}"
    listed = units.tolist() if isinstance(units, Tensor | np.ndarray) else units
    require(isinstance(listed, Sequence) and not isinstance(listed, str), "units", units, f"a list of {expected}")
    require(len(listed) > 0, "units", units, f"at least one of {expected}, or none given for all of them")
    for unit in listed:
        require(is_whole(unit) and 0 <= unit < count, "units", unit, expected)
    return [int(unit) for unit in listed]


def _clamp(unit: int, value: int) -> Change:
    def change(spikes: Tensor) -> Tensor:
        new = spikes.clone()
        new[:, :, unit] = value
        return new

    return change


def _trains(record: SpikeRecord) -> list[Tensor]:
    """Return the trains of every unit of all layers, each [time, batch, places]."""
    return [train_of(layer, unit) for layer, unit, _ in units_of(record)]
