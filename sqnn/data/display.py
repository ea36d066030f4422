"""Pictures and tables of an image set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def class_grid(images: Tensor, labels: Tensor, classes: Sequence[str], max_level: int, n: int) -> Figure:
    """Draw the first `n` of `images` [N, C, H, W] of each class, one row per class with its name.

    Of recordings [N, T, 2, H, W] the mean over time is drawn, what became brighter in green, what became darker in red.
    """
    from circuits.plotting import Picture

    figure = Picture(figsize=(0.8 * n + 1.2, 0.8 * len(classes)), layout="constrained")
    axes = figure.subplots(len(classes), n, squeeze=False)
    for label, name in enumerate(classes):
        members = torch.nonzero(labels == label).flatten()[:n].tolist()
        axes[label, 0].set_ylabel(name, rotation=0, ha="right", va="center")
        for column in range(n):
            cell = axes[label, column]
            cell.set(xticks=[], yticks=[])
            cell.spines[:].set_visible(False)
            if column < len(members):
                pixels = _picture(images[members[column]].float() / max_level).permute(1, 2, 0).numpy()
                grey = pixels.shape[-1] == 1
                cell.imshow(pixels[..., 0] if grey else pixels, cmap="gray", vmin=0, vmax=1)
    return figure


def _picture(image: Tensor) -> Tensor:
    """Return an image as one that is drawn, channels first."""
    if image.ndim == 3:
        return image
    darker, brighter = image.mean(0) / image.mean(0).amax().clamp(min=torch.finfo().tiny)
    return torch.stack([darker, brighter, torch.zeros_like(darker)])


def summary_html(title: str, classes: Sequence[str], counts: Mapping[str, Sequence[int]]) -> str:
    """Return a table of how many images of each class each part holds."""
    head = "".join(f"<th>{escape(cell)}</th>" for cell in ("part", "images", *classes))
    body = "".join(_row(part, (sum(each), *each)) for part, each in counts.items())
    caption = f"<caption>{escape(title)}</caption>"
    return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _row(part: str, values: Sequence[int]) -> str:
    return f"<tr><th>{escape(part)}</th>" + "".join(f"<td>{value:,}</td>" for value in values) + "</tr>"
