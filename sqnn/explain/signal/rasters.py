"""The raster: which neuron fired when, coloured by an attribution where one is given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Protocol, TypeAlias, runtime_checkable

import torch
from torch import Tensor

from sqnn.core import ConfigError, counted
from sqnn.explain.signal.result import Signal
from sqnn.explain.signal.trains import HasSpikes, LayerLike, fired, image_of, spikes_of, start_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

HALF = 0.4
"""Half the length of the line of a spike, in steps."""
TIME = "timestep"


@runtime_checkable
class HasValues(Protocol):
    """An attribution: `values` with named `axes`, of the layer that `at` names."""

    @property
    def values(self) -> Tensor:
        """One number per element of the layer and image."""

    @property
    def axes(self) -> tuple[str, ...]:
        """The names of the dimensions."""

    @property
    def at(self) -> str:
        """The path of the layer."""


Colours: TypeAlias = Mapping[str, Tensor] | Tensor | HasValues | None


@dataclass(frozen=True, repr=False, eq=False)
class Raster(Signal):
    """The spikes of one image: `layers[number]`, `neurons` (flat in the layer) and `steps`, each `[spikes]`.

    `sizes` are the numbers of neurons of the layers; `values` `[spikes]` are what spikes are coloured by, or None;
    `start` is the number of the first step.
    """

    size: ClassVar[tuple[float, float]] = (7.0, 5.0)
    layers: tuple[str, ...]
    sizes: tuple[int, ...]
    timesteps: int
    numbers: Tensor
    neurons: Tensor
    steps: Tensor
    values: Tensor | None = None
    start: int = 0

    @property
    def frame(self) -> pd.DataFrame:
        """One row per spike: layer, neuron, step, and the value that colours it."""
        import pandas as pd

        columns: dict[str, object] = {
            "layer": [self.layers[number] for number in self.numbers.tolist()],
            "neuron": self.neurons.tolist(),
            "step": self.steps.tolist(),
        }
        if self.values is not None:
            columns["value"] = self.values.tolist()
        return pd.DataFrame(columns)

    def draw(self, axes: Axes) -> None:
        """Draw layers from the bottom up, a short line per spike; colours are symmetric about 0."""
        from sqnn.metrics import figure_of

        starts = torch.tensor((0, *self.sizes)).cumsum(0)
        heights = (starts[self.numbers] + self.neurons).numpy()
        steps = self.steps.numpy()
        lines = axes.hlines(heights, steps - HALF, steps + HALF, colors="black", lw=1.2)
        if self.values is not None:
            limit = float(self.values.abs().max()) if len(self.values) else 0.0
            lines.set(array=self.values.numpy(), cmap="coolwarm", clim=(-limit or -1, limit or 1))
            figure_of(axes).colorbar(lines, ax=axes, label="attribution")
        for start in starts[1:-1].tolist():
            axes.axhline(start - 0.5, color="grey", lw=0.6)
        middles = (starts[:-1] + starts[1:] - 1) / 2
        axes.set_yticks(middles.tolist(), self.layers)
        axes.set_ylim(-0.5, float(starts[-1]) - 0.5)
        axes.set_xlim(self.start - 0.5, self.start + self.timesteps - 0.5)
        axes.set_xlabel("step")

    def summary(self) -> str:
        """Say how many spikes there are of how many neurons."""
        neurons, steps = counted(sum(self.sizes), "neuron"), counted(self.timesteps, "step")
        return f"{counted(len(self.steps), 'spike')} of {neurons} in {steps}"


def raster(layers: Mapping[str, HasSpikes | Tensor] | LayerLike, image: int = 0, *, values: Colours = None) -> Raster:
    """Return the raster of one image: of the layers of a recording by name, or of one layer.

    `values` colour the spikes: an attribution at a layer, such as `attribute(model, images, at="frontend.blocks.2")`;
    or numbers of the shape `[time, batch, *neurons]` of the spikes, by the names of layers, or for the one layer. A
    layer that has none counts as 0. Raises ConfigError on an image that is not there, on layers of different lengths in
    time, and on values of another shape or of no layer.
    """
    named = dict(layers) if isinstance(layers, Mapping) else {"": layers}
    if not named:
        raise ConfigError("layers: got a recording without layers of spikes, expected at least one")
    start = start_of(next(iter(named.values())))
    lengths = {name: len(spikes_of(layer)) for name, layer in named.items()}
    if len(set(lengths.values())) > 1:
        listed = ", ".join(f"{name} {steps}" for name, steps in lengths.items())
        raise ConfigError(f"layers: got different numbers of steps ({listed}), expected one; choose some layers")
    colours = _by_layer(values, named)
    numbers, neurons, steps, painted, sizes = [], [], [], [], []
    for number, (name, layer) in enumerate(named.items()):
        trains = fired(layer)
        at = image_of(image, trains.shape[1])
        step, neuron = trains[:, at].nonzero().unbind(1)
        numbers.append(torch.full_like(step, number))
        neurons.append(neuron)
        steps.append(step + start)
        sizes.append(trains.shape[2])
        shape = spikes_of(layer).shape
        colour = colours.get(name, torch.zeros(shape))
        if colour.shape != shape:
            raise ConfigError(f"values: got shape {list(colour.shape)}, expected {list(shape)}, that of the spikes")
        painted.append(colour.detach().cpu().flatten(2)[step, at, neuron].double())
    return Raster(
        layers=tuple(named),
        sizes=tuple(sizes),
        timesteps=next(iter(lengths.values())),
        numbers=torch.cat(numbers),
        neurons=torch.cat(neurons),
        steps=torch.cat(steps),
        values=None if values is None else torch.cat(painted),
        start=start,
    )


def _by_layer(values: Colours, named: Mapping[str, HasSpikes | Tensor]) -> Mapping[str, Tensor]:
    """Return values `[time, batch, *neurons]` by the names of layers; ConfigError on a name that is none of `named`."""
    if values is None:
        return {}
    if isinstance(values, Tensor):
        if len(named) > 1:
            raise ConfigError(f"values: got one tensor for {len(named)} layers, expected a mapping of names to tensors")
        return dict.fromkeys(named, values)
    if isinstance(values, HasValues):
        if TIME not in values.axes:
            raise ConfigError(
                f"values: got an attribution at {values.at!r} without time steps, expected one at a layer"
            )
        values = {values.at: values.values.movedim(values.axes.index(TIME), 0)}
    strange = ", ".join(sorted(set(values) - set(named)))
    if strange:
        raise ConfigError(f"values: got {strange}, expected layers among {', '.join(named)}")
    return values
