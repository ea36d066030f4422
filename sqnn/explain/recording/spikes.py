"""The record of one forward pass: all layers, the head, what went in and what came out."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from sqnn.core import Choices, ConfigError, brief, counted, is_whole, require
from sqnn.explain.recording.heads import HeadRecord
from sqnn.explain.recording.layers import LayerRecord
from sqnn.explain.signal import SignalVerbs

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Positions = int | slice | Sequence[int] | Tensor
"""Numbers of images or neurons: one, a slice, several, or a mask."""


@dataclass(frozen=True, eq=False, repr=False)
class SpikeRecord(SignalVerbs):
    """What a network did with images.

    - `layers`: the record of each layer of neurons by its name, in the order of the forward pass; empty for a network
      without spikes. `record["frontend.blocks.0"]` is one of them.
    - `heads`: the record of each quantum circuit by its path; `head` is the first, or None.
    - `input` [time, batch, ...]: output of the first encoder; None where the network has none.
    - `images` [batch, ...], `logits` [batch, classes], and `labels` [batch] or None.
    """

    layers: Mapping[str, LayerRecord]
    images: Tensor
    logits: Tensor
    labels: Tensor | None = None
    input: Tensor | None = None
    heads: Mapping[str, HeadRecord] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("layers", "heads"):
            object.__setattr__(self, name, MappingProxyType(dict(vars(self)[name])))

    def __getstate__(self) -> dict[str, object]:
        # Views of mappings cannot be stored or copied.
        return {name: dict(value) if isinstance(value, Mapping) else value for name, value in vars(self).items()}

    def __getitem__(self, name: str) -> LayerRecord:
        if not self.layers:
            raise ConfigError(f"layer: got {name!r}, expected none: the network has no spiking neurons")
        return Choices("layer", self.layers).pick(name, error=ConfigError)

    def __len__(self) -> int:
        return len(self.images)

    @property
    def head(self) -> HeadRecord | None:
        """The record of the first quantum circuit, None without one."""
        return next(iter(self.heads.values()), None)

    @property
    def timesteps(self) -> int:
        """Steps of the first layer, or of the encoder; 0 for a network without time."""
        trains = next((layer.spikes for layer in self.layers.values()), self.input)
        return 0 if trains is None else len(trains)

    @property
    def predictions(self) -> Tensor:
        """Label of the largest logit of each image, [batch]."""
        return self.logits.argmax(1)

    @property
    def nbytes(self) -> int:
        """Memory of the record in bytes, without the images."""
        tensors = self.logits.nbytes + (0 if self.input is None else self.input.nbytes)
        heads = sum(head.nbytes for head in self.heads.values())
        return tensors + heads + sum(layer.nbytes for layer in self.layers.values())

    def select(
        self,
        layer: str | Sequence[str] | None = None,
        neurons: Positions | None = None,
        window: tuple[int, int] | None = None,
        images: Positions | None = None,
    ) -> SpikeRecord:
        """Return the record of some layers, neurons, steps and images.

        `neurons` are flat numbers within one layer, or a mask of its shape; their trains are [time, batch, n] then.
        `window` (first, end) are steps first <= t < end. Steps keep their numbers in `frame` and `plot`. ConfigError
        names what is not there, and a choice that takes nothing.
        """
        names = list(self.layers) if layer is None else [layer] if isinstance(layer, str) else list(layer)
        require(layer is None or bool(names), "layer", layer, "one or more layers, or None for all")
        require(len(set(names)) == len(names), "layer", layer, "each layer once")
        chosen = {name: self[name] for name in names}
        if window is not None:
            steps = tuple(window) if isinstance(window, Sequence) else ()
            fits = len(steps) == 2 and all(map(is_whole, steps)) and 0 <= steps[0] < steps[1] <= self.timesteps
            require(fits, "window", window, f"(first, end) with 0 <= first < end <= {self.timesteps}")
        numbers = None if neurons is None else self._neurons(chosen, neurons)
        rows = None if images is None else positions("images", images, (len(self),))
        other = {name: each.select(rows, numbers, window) for name, each in chosen.items()}
        shown = slice(None) if window is None else slice(*window)
        trains = self.input if self.input is None else self.input[shown]
        if rows is None:
            return replace(self, layers=other, input=trains)
        return replace(
            self,
            layers=other,
            heads={path: head.select(rows) for path, head in self.heads.items()},
            input=trains if trains is None else trains[:, rows.to(trains.device)],
            images=self.images[rows.to(self.images.device)],
            logits=self.logits[rows.to(self.logits.device)],
            labels=None if self.labels is None else self.labels[rows.to(self.labels.device)],
        )

    @property
    def frame(self) -> pd.DataFrame:
        """One row per spike: layer, image, neuron (flat number within the layer) and time (step from 0)."""
        import pandas as pd

        parts = []
        for name, layer in self.layers.items():
            time, image, neuron = layer.spikes.flatten(2).nonzero(as_tuple=True)
            columns = {"image": image, "neuron": neuron, "time": time + layer.start}
            values = {key: value.cpu().numpy() for key, value in columns.items()}
            parts.append(pd.DataFrame({"layer": name, **values}))
        columns_of = ["layer", "image", "neuron", "time"]
        whole = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns_of)
        return whole.astype({"layer": pd.CategoricalDtype(list(self.layers))})

    def to_neo(self, step: float = 1.0) -> Any:
        """Return a neo.Block with a segment per image, and in it a spike train per neuron; a step takes `step` ms.

        Membranes are analog signals, one per layer. ConfigError where these are more than 100,000 trains, and
        on a `step` that is not above 0.
        """
        from sqnn.explain.recording.neo_block import neo_block

        return neo_block(self, step)

    def plot(self, ax: Axes | None = None, image: int = 0) -> Figure:
        """Draw the spikes of one image, layer above layer, on `ax` where given; return the figure."""
        from circuits.plotting import panel

        rows = self.select(images=positions("image", image, (len(self),)))
        figure, axes = panel(ax, (7.0, 4.0))
        below = 0
        ticks: list[tuple[float, str]] = []
        for name, layer in rows.layers.items():
            time, _, neuron = layer.spikes.flatten(2).nonzero(as_tuple=True)
            axes.plot(time.cpu() + layer.start, neuron.cpu() + below, "|", ms=3, color=f"C{len(ticks) % 10}")
            count = layer.spikes[0, 0].numel()
            ticks.append((below + count / 2, name))
            below += count
            axes.axhline(below - 0.5, lw=0.4, color="0.8")
        axes.set_yticks([height for height, _ in ticks], [name for _, name in ticks])
        axes.set_ylim(-0.5, max(below, 1) - 0.5)
        axes.set_xlabel("time step")
        return figure

    def __repr__(self) -> str:
        shapes = ", ".join(f"{name} {list(layer.neurons)}" for name, layer in self.layers.items())
        steps = counted(self.timesteps, "step")
        return f"SpikeRecord({counted(len(self), 'image')}, {steps}: {shapes or 'no spiking layers'})"

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{html.escape(name)}</td><td>{' x '.join(map(str, layer.neurons))}</td>"
            f"<td>{float(layer.spikes.mean()):.4f}</td></tr>"
            for name, layer in self.layers.items()
        )
        head = "<tr><th>layer</th><th>neurons</th><th>spikes per neuron and step</th></tr>"
        return f"<p>{html.escape(repr(self).split(':')[0])})</p><table>{head}{rows}</table>"

    def _neurons(self, chosen: Mapping[str, LayerRecord], neurons: Positions) -> Tensor:
        require(len(chosen) == 1, "neurons", f"{len(chosen)} layers beside them", "one layer, whose neurons they are")
        (layer,) = chosen.values()
        return positions("neurons", neurons, layer.neurons)


def positions(name: str, given: Positions, shape: tuple[int, ...]) -> Tensor:
    """Return flat numbers within `shape` as a tensor, one at least.

    ConfigError, beginning with `name`, where one is not there, or none is chosen.
    """
    count = torch.Size(shape).numel()
    expected = f"whole numbers from 0 to {count - 1}, one or more"
    if isinstance(given, slice):
        chosen = _numbers(name, lambda: torch.arange(count)[given], given, expected)
        require(len(chosen) > 0, name, given, f"a slice that takes some of the {count:,}")
        return chosen
    numbers = _numbers(name, lambda: torch.as_tensor(given), given, expected)
    if numbers.dtype == torch.bool:
        require(tuple(numbers.shape) == shape, name, f"a mask of shape {list(numbers.shape)}", f"shape {list(shape)}")
        if not numbers.any():
            raise ConfigError(f"{name}: got a mask that takes none of the {count:,}, expected one that takes some")
        return numbers.flatten().nonzero()[:, 0].cpu()
    numbers = numbers.reshape(-1).cpu()
    within = bool(((-count <= numbers) & (numbers < count)).all()) and not numbers.is_floating_point()
    require(within and len(numbers) > 0, name, given, expected)
    return numbers % count


def _numbers(name: str, make: Callable[[], Tensor], given: object, expected: str) -> Tensor:
    """Return the numbers that `make` makes of what was given; ConfigError where they are none."""
    try:
        return make()
    except (TypeError, ValueError, RuntimeError) as error:
        raise ConfigError(f"{name}: got {brief(given)}, expected {expected}") from error
