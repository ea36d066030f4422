"""What an attribution is: values with named axes, what they add up to, and what they cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from html import escape
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from noise_models import unknown
from sqnn.core import ConfigError, counted, require

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

IMAGE = "image"
"""Name of the first axis of all values."""


@dataclass(frozen=True)
class Cost:
    """What an explanation took: images sent forward and backward, seconds, and seconds over those of one inference.

    Samples of the circuit alone count as images sent forward; the inference is one of all images after a first one.
    """

    forwards: int
    backwards: int
    seconds: float
    ratio: float


@dataclass(frozen=True, eq=False)
class Grouping:
    """Entries of one axis that belong together: entry k belongs to the group `names[index[k]]`."""

    axis: str
    index: Tensor
    names: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Ledger:
    """Where a difference of logits f(x) - f(0) was booked: `terms` [batch] by name add up to `total` [batch].

    `layers` hold the same balance at each layer on the way from the logit to the input: for each, what is still to be
    handed on and what was booked so far.
    """

    terms: Mapping[str, Tensor]
    total: Tensor
    layers: Mapping[str, Mapping[str, Tensor]] = field(default_factory=dict)

    @property
    def error(self) -> Tensor:
        """How far the terms are from the total, at the worst layer, [batch]."""
        balances = [self.terms, *self.layers.values()]
        sums = torch.stack([torch.stack(list(terms.values())).sum(0) for terms in balances])
        return (sums - self.total).abs().amax(0)

    def to_dict(self) -> dict[str, list[float]]:
        """Return terms and total as plain lists."""
        return {**{name: term.tolist() for name, term in self.terms.items()}, "total": self.total.tolist()}


@dataclass(frozen=True, eq=False)
class Twin:
    """Another network that was explained in place of one's own: the `logits` [batch, classes] of it, and its `own`."""

    logits: Tensor
    own: Tensor

    @property
    def same_label(self) -> Tensor:
        """Whether both answer the same, bool [batch]."""
        return self.logits.argmax(-1) == self.own.argmax(-1)

    def off(self, target: Tensor) -> Tensor:
        """How far the two logits of class `target` [batch] are from each other, [batch]."""
        return (self.logits - self.own.to(self.logits)).gather(1, target[:, None])[:, 0].abs()


@dataclass(frozen=True, eq=False, repr=False)
class Attribution:
    """How much each entry of one place of a network did for one logit, for each image of a batch.

    `values` are [batch, ...] in logits unless the method says otherwise, with the axes `axes`, the first of which is
    "image". `output` and `reference` [batch] are the logit of class `target` [batch] for the images and for the
    baseline. `completeness_error` [batch] is |sum of values + what is booked elsewhere - (output - reference)| in
    logits, None where the method does not claim that they are equal; a method with a `ledger` books elsewhere what the
    values lack, and only without one is it the error of the sum of the values. `note` says what a reader has to
    know, such as that pixels stand for their spikes. `twin` has the logits of the network that was explained where it
    is another one than yours, as of the method integrated-smooth, and None otherwise. `silent` says, bool [batch], for
    which images a spiking network hands nothing on and answers as it answers a black one: their values at pixels and at
    the encoder's spikes are 0.
    """

    values: Tensor
    method: str
    at: str
    axes: tuple[str, ...]
    target: Tensor
    output: Tensor
    reference: Tensor
    cost: Cost
    completeness_error: Tensor | None = None
    ledger: Ledger | None = None
    groups: Mapping[str, Grouping] = field(default_factory=dict)
    note: str = ""
    twin: Twin | None = None
    silent: Tensor | None = None

    def __len__(self) -> int:
        return len(self.values)

    @property
    def relative_error(self) -> Tensor | None:
        """The completeness error as a share of |output - reference|, [batch]; infinite where these are equal."""
        if self.completeness_error is None:
            return None
        error, difference = self.completeness_error, (self.output - self.reference).abs()
        return torch.where(error == 0, 0.0, error / difference)

    def groupby(self, name: str) -> Attribution:
        """Return the values added up over all axes but the images and one: an axis, or a coarser division of one.

        Divisions are "qubit" of angles, "layer" and "tensor" of weights. Raises ConfigError on another name.
        """
        grouping = self.groups.get(name)
        axis = name if grouping is None else grouping.axis
        if axis not in self.axes[1:]:
            raise ConfigError(unknown("by", name, (*self.axes[1:], *self.groups)))
        others = [k for k, other in enumerate(self.axes) if other not in (IMAGE, axis)]
        values = self.values.sum(others) if others else self.values
        groups = {key: kept for key, kept in self.groups.items() if kept.axis == axis and key != name}
        if grouping is not None:
            sums = values.new_zeros(len(values), len(grouping.names))
            values = sums.index_add(1, grouping.index.to(values.device), values)
            groups = {}
        return replace(self, values=values, axes=(IMAGE, name), groups=groups)

    @property
    def frame(self) -> pd.DataFrame:
        """The values as a table: one row per image and entry, a column per axis and per division, and `value`."""
        return table_of(self.values, self.axes, self.groups)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values."""
        error = self.completeness_error
        return {
            "method": self.method,
            "at": self.at,
            "axes": list(self.axes),
            "target": self.target.tolist(),
            "output": self.output.tolist(),
            "reference": self.reference.tolist(),
            "completeness_error": None if error is None else error.tolist(),
            "ledger": None if self.ledger is None else self.ledger.to_dict(),
            "cost": vars(self.cost),
            "note": self.note,
            "silent": None if self.silent is None else self.silent.tolist(),
            "same_label": None if self.twin is None else self.twin.same_label.tolist(),
            "values": self.values.tolist(),
        }

    def plot(self, ax: Axes | None = None, image: int = 0) -> Figure:
        """Draw the values of one image: a map where there are rows and columns, bars or a raster otherwise."""
        from sqnn.explain.attribution.figure import draw_values

        require(0 <= image < len(self), "image", image, f"a whole number from 0 to {len(self) - 1}")
        title = f"{self.method} at {self.at}, class {int(self.target[image])}"
        return draw_values(self.values[image], self.axes[1:], title, ax)

    def __repr__(self) -> str:
        passes = f"{self.cost.forwards:,} forward and {self.cost.backwards:,} backward, {self.cost.seconds:.3g} s"
        shape = f"{list(self.values.shape)} {', '.join(self.axes)}"
        return f"Attribution({self.method} at {self.at}: {shape}; {passes}{self._law})"

    @property
    def _law(self) -> str:
        if self.completeness_error is None:
            return ""
        return f"; completeness error at most {self.completeness_error.max().item():.2g}"

    def _repr_html_(self) -> str:
        error = self.relative_error
        rows = {
            "method": f"{self.method} at {self.at}",
            "values": f"{' x '.join(map(str, self.values.shape))} ({', '.join(self.axes)})",
            "images": f"{counted(len(self), 'image')}, mean logit {self.output.mean().item():.4g}, "
            f"{self.reference.mean().item():.4g} for the baseline",
            "completeness error": "not claimed" if error is None else f"at most {error.max().item():.2%}",
            "cost": f"{self.cost.forwards:,} forward, {self.cost.backwards:,} backward, {self.cost.seconds:.3g} s, "
            f"{self.cost.ratio:.3g} inferences",
            **({"note": self.note} if self.note else {}),
        }
        cells = "".join(f"<tr><th>{escape(key)}</th><td>{escape(value)}</td></tr>" for key, value in rows.items())
        return f"<table>{cells}</table>"


def table_of(values: Tensor, axes: Sequence[str], groups: Mapping[str, Grouping]) -> pd.DataFrame:
    """Return values as a table: one row per value, a column per axis and per division of one, and `value`."""
    import pandas as pd

    entries = torch.cartesian_prod(*(torch.arange(side) for side in values.shape))
    columns: dict[str, Any] = dict(zip(axes, entries.reshape(-1, len(axes)).t().numpy(), strict=True))
    for name, grouping in groups.items():
        names = pd.Series(grouping.names)
        columns[name] = names.iloc[grouping.index.cpu().numpy()[columns[grouping.axis]]].to_numpy()
    return pd.DataFrame({**columns, "value": values.detach().cpu().flatten().numpy()})
