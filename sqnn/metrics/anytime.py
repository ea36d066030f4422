"""The answer of a spiking perceptron after every step: its accuracy, its cost, and when to stop."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

import torch
from torch import Tensor, nn

from sqnn.core import AUTO, ConfigError, Threads, number_of, require
from sqnn.data import Split
from sqnn.encoding import SparseTrains
from sqnn.metrics.accuracy import CONFIDENCE, EVALUATION_SEED, run_batches
from sqnn.metrics.operation_counts import ENERGY_MODELS
from sqnn.models import SNNMLP, HasNetwork, network_of
from sqnn.plasticity import Site, sites

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FEWEST = 50
"""Fewer images than these with a margin or more say too little about how many of them are right."""


@dataclass(frozen=True, repr=False)
class Anytime:
    """What a network answers after each of T steps, image by image, and the operations until then.

    `right` and `margins` are [T, images]: whether the largest logit after step t is that of the label, and by how much
    it exceeds the second. `synaptic` and `hidden` are [T, images]: accumulates (a weight for a spike, or for an input
    other than 0) and spikes of hidden neurons up to step t. Updates of neurons and accesses to memory are not counted.
    """

    right: Tensor = field(compare=False)
    margins: Tensor = field(compare=False)
    synaptic: Tensor = field(compare=False)
    hidden: Tensor = field(compare=False)

    @property
    def timesteps(self) -> int:
        """T, the number of steps."""
        return len(self.right)

    @property
    def accuracy(self) -> list[float]:
        """The share of right answers after each step."""
        return [float(step.double().mean()) for step in self.right]

    @property
    def frame(self) -> pd.DataFrame:
        """One row per step: accuracy, accumulates, hidden spikes and energy (pJ, mac-ac) per image until then."""
        import pandas as pd

        means = {name: getattr(self, name).double().mean(1).tolist() for name in ("synaptic", "hidden")}
        cost = ENERGY_MODELS["mac-ac"].accumulates
        return pd.DataFrame(
            {
                "step": range(1, self.timesteps + 1),
                "accuracy": self.accuracy,
                "accumulates": means["synaptic"],
                "hidden_spikes": means["hidden"],
                "energy": [cost * number for number in means["synaptic"]],
            }
        )

    def stopped(self, rule: StoppingRule) -> Stopped:
        """Return what comes of stopping each image at the first step whose margin the rule asks for, else after T."""
        require(isinstance(rule, StoppingRule), "rule", rule, "a StoppingRule, such as StoppingRule.of makes")
        require(len(rule.margins) == self.timesteps, "rule", len(rule.margins), f"margins of {self.timesteps} steps")
        enough = self.margins >= torch.tensor(rule.margins, dtype=self.margins.dtype)[:, None]
        enough[-1] = True
        first = enough.double().argmax(0)
        images = torch.arange(self.right.shape[1])
        return Stopped(
            images=len(images),
            confidence=rule.confidence,
            accuracy=float(self.right[first, images].double().mean()),
            steps=float((first + 1).double().mean()),
            accumulates=float(self.synaptic[first, images].double().mean()),
            hidden_spikes=float(self.hidden[first, images].double().mean()),
        )

    def plot(self, ax: Axes | None = None) -> Figure:
        """Draw the accuracy against the step at which one stops, and the energy per image on a second axis."""
        from circuits.plotting import Picture
        from sqnn.metrics.confusion import figure_of

        axes = Picture(figsize=(5.6, 3.6), layout="constrained").subplots() if ax is None else ax
        rows = self.frame
        axes.plot(rows.step, 100 * rows.accuracy, "o-", ms=3, color="C0")
        axes.set_xlabel("step at which the answer is read")
        axes.set_ylabel("accuracy (%)", color="C0")
        axes.grid(alpha=0.25)
        energy = axes.twinx()
        energy.plot(rows.step, rows.energy / 1000, "s--", ms=3, color="C1")
        energy.set_ylabel("energy per image (nJ)", color="C1")
        energy.set_ylim(0)
        return figure_of(axes)

    def __repr__(self) -> str:
        first, last = self.accuracy[0], self.accuracy[-1]
        images = f"{self.right.shape[1]:,} images"
        return f"Anytime({images}: accuracy {first:.2%} after 1 step, {last:.2%} after {self.timesteps})"


@dataclass(frozen=True)
class Stopped:
    """Accuracy (a fraction), and per image the mean steps, accumulates and hidden spikes, of answers read early."""

    images: int
    confidence: float
    accuracy: float
    steps: float
    accumulates: float
    hidden_spikes: float


@dataclass(frozen=True)
class StoppingRule:
    """Stop at step t as soon as the largest logit exceeds the second by margins[t]; infinite where one never stops.

    Raises ConfigError unless `confidence` lies between 0 and 1, and where a margin is NaN.
    """

    confidence: float
    margins: tuple[float, ...]

    def __post_init__(self) -> None:
        require(0 < self.confidence < 1, "confidence", self.confidence, "a share of right answers above 0 and below 1")
        require(
            not any(map(math.isnan, self.margins)), "margins", self.margins, "a number per step, infinite for never"
        )

    @classmethod
    def of(cls, validation: Anytime, confidence: float = 0.99) -> Self:
        """Choose the margins on images that are not those of the test.

        margins[t] is the smallest m for which, of the images with a margin of at least m after step t, the share of
        right answers is `confidence` or more even at the lower end of its 95 % Wilson interval; fewer than 50 images
        choose no margin. Raises ConfigError unless `confidence` lies between 0 and 1.
        """
        require(isinstance(validation, Anytime), "validation", validation, "what anytime returns")
        confidence = number_of("confidence", confidence)
        steps = zip(validation.margins, validation.right, strict=True)
        return cls(confidence, tuple(_margin(margins, right, confidence) for margins, right in steps))


def _margin(margins: Tensor, right: Tensor, confidence: float) -> float:
    order = margins.argsort(descending=True)
    ordered, hits = margins[order], right[order].double().cumsum(0)
    number = torch.arange(1, len(ordered) + 1, dtype=torch.float64)
    # Images of the same margin are stopped together: a threshold stands at the last of them.
    last = torch.cat([ordered[1:] != ordered[:-1], torch.tensor([True])])
    fits = last & (number >= FEWEST) & (wilson_low(hits, number) >= confidence)
    return float(ordered[fits].min()) if fits.any() else math.inf


def wilson_low(hits: Tensor, number: Tensor) -> Tensor:
    """Return the lower end of the 95 % Wilson interval of a share hits / number, of any shape."""
    from scipy.stats import norm  # type: ignore[import-untyped]

    z = float(norm.ppf((1 + CONFIDENCE) / 2))
    share, spread = hits / number, z**2 / number
    middle, half = share + spread / 2, z * (share * (1 - share) / number + spread / (4 * number)).sqrt()
    return (middle - half) / (1 + spread)


@torch.no_grad()
def anytime(model: nn.Module | HasNetwork, split: Split, *, progress: bool = False, threads: Threads = AUTO) -> Anytime:
    """Run a spiking perceptron, or that of a run, over the images of a split, and read its answer after every step.

    The answer after the last step is that of `sqnn.evaluate`, image by image. Raises ConfigError where the network is
    not `snn-mlp`, which alone answers at every step, or there are no images.
    """
    model = network_of(model)
    if not isinstance(model, SNNMLP):
        raise ConfigError(f"model: got {type(model).__name__}, expected snn-mlp, which answers at every step")
    require(isinstance(split, Split) and len(split) > 0, "split", split, "a part of a data set with images in it")
    places = sites(model)
    generator = torch.Generator().manual_seed(EVALUATION_SEED)

    def call(images: Tensor) -> Tensor:
        for site in places:
            site.watch(always=True)
        spikes, membranes = model.outputs(images, generator)
        logits = torch.stack([model.decide(spikes[: t + 1], membranes[: t + 1]) for t in range(len(spikes))])
        largest = logits.topk(2, -1)
        synaptic = torch.stack([_arrived(site) * len(site.layer.weight) for site in places]).sum(0)
        hidden = torch.zeros_like(synaptic)
        for site in places[:-1]:
            hidden += 0 if site.recurrent else _fired(site)
        answers = (largest.indices[..., 0], largest.values[..., 0] - largest.values[..., 1])
        return torch.stack([*(a.double() for a in answers), synaptic.cumsum(0), hidden.cumsum(0)], -1).movedim(1, 0)

    try:
        table = run_batches(model, split, call, progress=progress, threads=threads)
    finally:
        for site in places:
            site.release()
    predicted, margins, synaptic, hidden = table.movedim(0, 2).unbind(1)
    return Anytime(predicted == split.labels, margins, synaptic, hidden)


def _fired(site: Site) -> Tensor:
    """Spikes of the neurons at each step, [time, batch]."""
    return site.spikes_out.flatten(2).sum(2, dtype=torch.float64)


def _arrived(site: Site) -> Tensor:
    """Spikes, or inputs other than 0, that reach the layer at each step, [time, batch]."""
    if site.recurrent:
        fired = _fired(site)
        return torch.cat([torch.zeros_like(fired[:1]), fired[:-1]])
    spikes = site.spikes_in
    if not isinstance(spikes, SparseTrains):
        return spikes.flatten(2).count_nonzero(2).double()
    counts = torch.zeros(spikes.shape[:2], dtype=torch.float64)
    return counts.index_add_(1, spikes.images.cpu(), spikes.fired.cpu().double())
