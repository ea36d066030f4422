"""Ablation: how much of a place can be taken away or disturbed before the label changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from sqnn.core import Choices, ConfigError, counted, is_whole, require
from sqnn.explain.attribution.probe import PASSES, Probe, probing
from sqnn.models import HasNetwork, network_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Change = Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]
"""Maps the values of chosen entries, those of as many silent ones, and numbers drawn for both, to what they become."""
SHARES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0)
"""Shares that are tried by default."""


def _remove(values: Tensor, silent: Tensor, drawn: Tensor) -> tuple[Tensor, Tensor]:
    return torch.zeros_like(values), silent


def _shuffle(values: Tensor, silent: Tensor, drawn: Tensor) -> tuple[Tensor, Tensor]:
    mixed = torch.cat([values, silent])[drawn.argsort()]
    return mixed[: len(values)], mixed[len(values) :]


def _noise(values: Tensor, silent: Tensor, drawn: Tensor) -> tuple[Tensor, Tensor]:
    return values + drawn[: len(values)] * values.square().mean().sqrt(), silent


CHANGES: Choices[Change] = Choices("change", {"remove": _remove, "shuffle": _shuffle, "noise": _noise})
"""What is done to the chosen entries: set to 0, exchanged with each other and silent ones, or noise of their size."""


@dataclass(frozen=True, eq=False, repr=False)
class Margins:
    """How much of a place each image does without: `kept` [trials, shares, batch] says where the label stayed.

    Each trial takes the entries in one random order, so that larger shares contain smaller ones. `entries` counts, for
    each image, those that were there to choose from, [batch].
    """

    kept: Tensor
    shares: tuple[float, ...]
    at: str
    change: str
    entries: Tensor

    @property
    def margins(self) -> Tensor:
        """The largest share up to which the label stays, [trials, batch]; 0 where the smallest share changes it."""
        steps = self.kept.long().cumprod(1).sum(1)
        return torch.tensor((0.0, *self.shares), dtype=torch.float64, device=steps.device)[steps]

    @property
    def margin(self) -> Tensor:
        """The mean of the margins over the trials, [batch]."""
        return self.margins.mean(0)

    @property
    def frame(self) -> pd.DataFrame:
        """One row per trial, share and image: whether the label stayed."""
        import pandas as pd

        trials, batch = len(self.kept), self.kept.shape[2]
        names = ["trial", "share", "image"]
        index = pd.MultiIndex.from_product([range(trials), self.shares, range(batch)], names=names)
        return pd.DataFrame({"kept": self.kept.flatten().numpy()}, index=index).reset_index()

    def plot(self, ax: Axes | None = None) -> Figure:
        """Draw the share of images that keep their label against the share that is changed."""
        from circuits.plotting import panel

        figure, axes = panel(ax, (4.2, 3.2), f"{self.change} {self.at}")
        axes.plot((0.0, *self.shares), [1.0, *self.kept.double().mean((0, 2)).tolist()], marker="o")
        axes.set_xlabel(f"share of {self.at} changed")
        axes.set_ylabel("images with the same label")
        axes.set_ylim(0, 1.02)
        return figure

    def __repr__(self) -> str:
        trials, _, batch = self.kept.shape
        return (
            f"Margins({self.change} {self.at}: mean {self.margin.mean().item():.3f}, least "
            f"{self.margin.min().item():.3f}; {counted(batch, 'image')}, {counted(trials, 'trial')})"
        )


@torch.no_grad()
def robustness_margins(
    model: nn.Module | HasNetwork,
    images: Tensor,
    at: str = "weights",
    change: str = "remove",
    *,
    shares: Sequence[float] = SHARES,
    trials: int = 3,
    generator: torch.Generator | None = None,
) -> Margins:
    """Return up to which share of a place, chosen at random, each image keeps its label.

    Of the entries of a place that are not 0 (spikes, weights, pixels that are not black), a share is set to 0
    (`remove`), exchanged with each other and with as many silent ones (`shuffle`), or disturbed by Gaussian noise whose
    standard deviation is their root mean square (`noise`), in `trials` random orders drawn from `generator`, by default
    of seed 0.

    Raises ConfigError on an unknown place or change, shares that do not rise within (0, 1], and fewer trials than 1.
    """
    alter = CHANGES.pick(change, error=ConfigError)
    rising = list(shares) == sorted(set(shares)) and len(shares) > 0 and shares[0] > 0 and shares[-1] <= 1
    require(rising, "shares", tuple(shares), "rising numbers above 0 and up to 1")
    require(is_whole(trials) and trials >= 1, "trials", trials, "a whole number of at least 1")
    drawing = torch.Generator().manual_seed(0) if generator is None else generator
    with probing(network_of(model), images, None, at, None) as probe:
        labels = probe.plain.argmax(-1)
        entries = (probe.point != 0).flatten(1).sum(1)
        kept = torch.stack([_trial(probe, alter, shares, labels, drawing) for _ in range(trials)])
    return Margins(kept.cpu(), tuple(map(float, shares)), at, change, entries.cpu())


def _trial(probe: Probe, alter: Change, shares: Sequence[float], labels: Tensor, drawing: torch.Generator) -> Tensor:
    """Return where the labels stayed, [shares, batch], in one random order of the entries of each image."""
    points = _disturbed(probe.point, alter, shares, drawing)
    rows = torch.arange(len(probe.point), device=probe.point.device).repeat_interleave(len(shares))
    parts = ((torch.stack(list(islice(points, len(of)))), of) for of in rows.split(PASSES))
    answers = torch.cat([probe.logits(few, of).argmax(-1) for few, of in parts])
    return (answers == labels[rows]).view(-1, len(shares)).t()


def _disturbed(point: Tensor, alter: Change, shares: Sequence[float], drawing: torch.Generator) -> Iterator[Tensor]:
    """Yield what the place holds for one image after another, with each share of its entries changed."""
    for row in point:
        flat = row.flatten()
        order, silent = (_in_any_order(mask, drawing) for mask in (flat != 0, flat == 0))
        silent = silent[: len(order)]
        count = len(order) + len(silent)
        drawn = torch.randn(count, generator=drawing, device=drawing.device, dtype=row.dtype).to(row.device)
        for share in shares:
            count = round(share * len(order))
            chosen, others, changed = order[:count], silent[:count], flat.clone()
            numbers = drawn[: len(chosen) + len(others)]
            changed[chosen], changed[others] = alter(flat[chosen], flat[others], numbers)
            yield changed.view(row.shape)


def _in_any_order(mask: Tensor, drawing: torch.Generator) -> Tensor:
    """Return the entries where a mask holds, in random order."""
    entries = mask.nonzero()[:, 0]
    return entries[torch.randperm(len(entries), generator=drawing, device=drawing.device).to(entries.device)]
