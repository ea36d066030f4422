"""Accuracy, cross-entropy and confusion of a network on labelled images, and the logits they follow from."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from html import escape
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sqnn.core import AUTO, Threads, computing_in, counted, threads_for, torch_numbers
from sqnn.data import Split, cut
from sqnn.models import device_and_dtype, logits_of, step_work

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

EVALUATION_BATCH = 512
"""Images per batch in evaluation."""
EVALUATION_SEED = 0
"""Seed of random encoders in evaluation, so that two evaluations of one network agree."""
CONFIDENCE = 0.95


@dataclass(frozen=True, repr=False)
class Evaluation:
    """Accuracy (a fraction), mean cross-entropy (nats) and confusion counts (true class in rows) on one split."""

    split: str
    images: int
    accuracy: float
    loss: float
    confusion: list[list[int]]
    classes: tuple[str, ...] = field(default=(), compare=False)

    @property
    def interval(self) -> tuple[float, float]:
        """Lower and upper end of the 95 % Wilson interval of the accuracy over images."""
        right = sum(row[label] for label, row in enumerate(self.confusion))
        return wilson_interval(right / self.images, self.images)

    def to_dict(self) -> dict[str, object]:
        """Return the numbers as plain values, without the names of the classes."""
        return {name: value for name, value in asdict(self).items() if name != "classes"}

    def plot(self, ax: Axes | None = None) -> Figure:
        """Draw the confusion counts in percent of each true class, on `ax` where given; return the figure."""
        from circuits.plotting import Picture
        from sqnn.metrics.confusion import draw_confusion, figure_of

        axes = Picture(figsize=(5.2, 4.4), layout="constrained").subplots() if ax is None else ax
        draw_confusion(axes, self.confusion, self._names, counted(self.images, f"{self.split} image"))
        return figure_of(axes)

    @property
    def _names(self) -> tuple[str, ...]:
        return self.classes or tuple(map(str, range(len(self.confusion))))

    def __repr__(self) -> str:
        low, high = self.interval
        return (
            f"Evaluation({self.split}, {counted(self.images, 'image')}: accuracy {self.accuracy:.2%} "
            f"(95 % interval {low:.2%} to {high:.2%}), cross-entropy {self.loss:.4f} nats)"
        )

    def _repr_html_(self) -> str:
        low, high = self.interval
        rows = {
            "images": f"{self.images:,} ({self.split})",
            "accuracy": f"{self.accuracy:.2%} (95 % Wilson interval {low:.2%} to {high:.2%})",
            "cross-entropy": f"{self.loss:.4f} nats",
        }
        for label, (name, counts) in enumerate(zip(self._names, self.confusion, strict=True)):
            if sum(counts):
                rows[f"class {name}"] = f"{counts[label] / sum(counts):.2%} of {sum(counts):,}"
        cells = "".join(f"<tr><th>{escape(key)}</th><td>{value}</td></tr>" for key, value in rows.items())
        return f"<table>{cells}</table>"


def wilson_interval(fraction: float, n: int) -> tuple[float, float]:
    """Return the 95 % interval of a proportion seen in n trials; it stays within [0, 1] and has a width at 0 and 1.

    Source: Wilson, J. Am. Stat. Assoc. 22, 209 (1927).
    """
    from scipy.stats import binomtest  # type: ignore[import-untyped]

    interval = binomtest(round(fraction * n), n).proportion_ci(CONFIDENCE, method="wilson")
    return float(interval.low), float(interval.high)


@torch.no_grad()
def predict_logits(
    model: nn.Module,
    images: Tensor | Split,
    batch_size: int = EVALUATION_BATCH,
    generator: torch.Generator | None = None,
    *,
    device: torch.device | None = None,
    progress: bool = False,
    threads: Threads = AUTO,
) -> Tensor:
    """Return the logits [batch, num_classes] of images [batch, channels, height, width], on the images' device.

    `images` may be a part of a data set. The network works in evaluation mode and in its own precision, on `device` or
    where it is; afterwards it has its modes and its device again. Random encoders draw from `generator`, by default one
    of the same seed in every call, and modules of a user's own from torch's generators, which are put back. `threads`
    are those of the CPU, by default chosen by the size of a batch.
    """
    generator = torch.Generator().manual_seed(EVALUATION_SEED) if generator is None else generator

    def call(part: Tensor) -> Tensor:
        return logits_of(model, part, generator)

    return run_batches(model, images, call, batch_size, device, progress, threads)


@torch.no_grad()
def run_batches(
    model: nn.Module,
    images: Tensor | Split,
    call: Callable[[Tensor], Tensor],
    batch_size: int = EVALUATION_BATCH,
    device: torch.device | None = None,
    progress: bool = False,
    threads: Threads = AUTO,
) -> Tensor:
    """Return what `call` gives for all images, batch by batch, while `model` is in evaluation mode."""
    shape = images.images.shape if isinstance(images, Split) else images.shape
    number = threads_for(step_work(model, min(batch_size, len(images)), shape), threads)
    home = images.labels.device if isinstance(images, Split) else images.device
    outputs = []
    with computing_in(number), evaluating(model, device) as place, torch_numbers(EVALUATION_SEED):
        dtype = device_and_dtype(model)[1]
        parts = cut(torch.arange(len(images)), batch_size)
        for index in _bar(parts) if progress else parts:
            part = images.floats(index) if isinstance(images, Split) else images[index]
            outputs.append(call(part.to(place, dtype)).to(home))
    return torch.cat(outputs)


def score_logits(
    logits: Tensor,
    labels: Tensor,
    split: str = "images",
    classes: Sequence[str] = (),
    batch_size: int = EVALUATION_BATCH,
) -> Evaluation:
    """Return accuracy, loss and confusion of logits [batch, num_classes] for labels [batch].

    Losses are added up by batches in the order and the precision of the training loop, so that the two agree.
    """
    images, num_classes = logits.shape
    loss = torch.zeros((), dtype=torch.get_default_dtype())
    for index in cut(torch.arange(images), batch_size):
        loss = loss + F.cross_entropy(logits[index], labels[index]) * len(index)
    confusion = torch.bincount(labels * num_classes + logits.argmax(-1), minlength=num_classes**2)
    confusion = confusion.view(num_classes, num_classes)
    accuracy = confusion.diagonal().sum() / images
    return Evaluation(split, images, accuracy.item(), (loss / images).item(), confusion.tolist(), tuple(classes))


@contextlib.contextmanager
def evaluating(model: nn.Module, device: torch.device | None = None) -> Iterator[torch.device]:
    """Within the block, `model` is in evaluation mode and on `device`; after it, as it was, and nowhere else."""
    modes = {part: part.training for part in model.modules()}
    home = device_and_dtype(model)[0]
    model.eval()
    try:
        model.to(device or home)
        yield device or home
    finally:
        model.to(home)
        for part, mode in modes.items():
            part.training = mode


def _bar(parts: list[Tensor]) -> Iterator[Tensor]:
    """Go through batches with a bar where the output is a terminal."""
    from rich.console import Console
    from rich.progress import track

    # A bar in a notebook needs a package that may be missing.
    yield from track(parts, "evaluating", transient=True, console=Console(force_jupyter=False))
