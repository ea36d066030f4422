"""The picture of the values of one image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from circuits.plotting import panel

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MAP = {"row", "column"}


def draw_values(
    values: Tensor, names: Sequence[str], title: str, ax: Axes | None = None, unit: str = "logits"
) -> Figure:
    """Draw values with the axes `names`: red above 0, where they raise the logit, blue below."""
    figure, axes = panel(ax, (4.2, 3.6), title)
    values = values.detach().cpu()
    if set(names) >= MAP:
        values = values.sum([k for k, name in enumerate(names) if name not in MAP]) if len(names) > 2 else values
    elif len(names) > 1:
        values = values.flatten(1).t()
    if values.ndim == 1:
        axes.bar(torch.arange(len(values)).numpy(), values.numpy(), color=["C3" if v > 0 else "C0" for v in values])
        axes.set_xlabel(names[0])
        axes.set_ylabel(unit)
        return figure
    bound = values.abs().max().item() or 1.0
    shown = axes.imshow(
        values.numpy(), cmap="RdBu_r", vmin=-bound, vmax=bound, aspect="equal" if set(names) >= MAP else "auto"
    )
    if set(names) >= MAP:
        axes.set_axis_off()
    else:
        axes.set_xlabel(names[0])
        axes.set_ylabel(" x ".join(names[1:]))
    figure.colorbar(shown, ax=axes, label=unit, shrink=0.9)
    return figure
