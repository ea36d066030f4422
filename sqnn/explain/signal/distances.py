"""Distances between spike trains: Victor and Purpura's, and van Rossum's with the norm stated."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor

from sqnn.core import Choices, Config, ConfigError, option, require_one_of
from sqnn.explain.signal.result import Signal
from sqnn.explain.signal.trains import MATRIX_MOST, LayerLike, Neurons, binary_trains, image_of, neuron_indices

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

BETWEEN = ("neurons", "images")
PAIRS_MOST = 2_000_000
"""Most pairs of trains that are compared at once."""
NORMS = ("van-rossum", "unit")
ROUNDING = 1e-13
"""Squared distances below this share of a train's own length are 0."""


class DistanceMeasure(ABC):
    """A distance of trains: from `[groups, n, time]` of 0 and 1 to `[groups, n, n]`; a subclass has its options."""

    title: ClassVar[str]
    power: ClassVar[int]
    """Distances of several neurons add as their powers: 1 for sums of costs, 2 for lengths of vectors."""

    @abstractmethod
    def pairs(self, trains: Tensor) -> Tensor:
        """Return the distance of each pair of trains in each group."""


@dataclass(frozen=True, kw_only=True)
class VictorPurpura(Config, DistanceMeasure):
    """The least cost of turning one train into the other: 1 to add or delete a spike, `cost` per step to move one.

    Source: Victor and Purpura, J. Neurophysiol. 76 (1996).
    """

    cost: float = option(0.5, "cost of moving a spike by one step; from 2 on, moving never pays", least=0)
    title = "Victor-Purpura"
    power = 1

    def pairs(self, trains: Tensor) -> Tensor:
        """Return the least cost for each pair, by dynamic programming over the spikes of both."""
        numbers = trains.sum(-1).long()  # [groups, n]
        first, second = numbers[:, :, None], numbers[:, None, :]
        shape = torch.broadcast_shapes(first.shape, second.shape)
        longest = int(numbers.max())
        # The steps of the spikes in order; what follows the last of them is never read.
        times = trains.argsort(stable=True, dim=-1, descending=True).to(trains.dtype)
        row = [trains.new_full(shape, added) for added in range(longest + 1)]
        ends = second.expand(shape)[None]
        result = torch.stack(row).gather(0, ends)[0]
        for i in range(1, longest + 1):
            above, row = row, [trains.new_full(shape, i)]
            for j in range(1, longest + 1):
                moved = above[j - 1] + self.cost * (times[:, :, None, i - 1] - times[:, None, :, j - 1]).abs()
                row.append(torch.minimum(torch.minimum(above[j], row[j - 1]) + 1, moved))
            result = torch.where(first == i, torch.stack(row).gather(0, ends)[0], result)
        return result


@dataclass(frozen=True, kw_only=True)
class VanRossum(Config, DistanceMeasure):
    """The distance of two trains, each a sum of f(t) = exp(-t / tau) after its spikes.

    D^2 = (1 / tau) integral (f - g)^2 dt for the norm "van-rossum", by which one spike lies sqrt(1/2) from silence;
    twice that for "unit", by which it lies 1 from it. Published codes use either and differ by sqrt(2).

    Source: van Rossum, Neural Computation 13 (2001).
    """

    tau: float = option(2.0, "time constant in steps", above=0)
    norm: str = option("van-rossum", "scale of the distance", among=NORMS)
    title = "van Rossum"
    power = 2

    def pairs(self, trains: Tensor) -> Tensor:
        """Return the distance of each pair, in closed form."""
        steps = torch.arange(trains.shape[-1], dtype=trains.dtype)
        kernel = (-(steps[:, None] - steps).abs() / self.tau).exp()
        products = trains @ kernel @ trains.mT
        own = products.diagonal(dim1=1, dim2=2)
        squared = own[:, :, None] + own[:, None, :] - 2 * products
        # Two trains that differ lie further apart than rounding can bring them.
        squared = squared.where(squared > ROUNDING * own[:, :, None], 0)
        return (squared / 2 if self.norm == "van-rossum" else squared).sqrt()


DISTANCES: Choices[type[DistanceMeasure]] = Choices(
    "measure", {"victor-purpura": VictorPurpura, "van-rossum": VanRossum}
)
"""Distances of trains by name."""


@dataclass(frozen=True, repr=False, eq=False)
class Distances(Signal):
    """Distances `matrix` `[n, n]` by `measure` between `members`, which are neurons or images."""

    size: ClassVar[tuple[float, float]] = (5.0, 4.2)
    measure: str
    between: str
    members: tuple[int, ...]
    matrix: Tensor

    @property
    def frame(self) -> pd.DataFrame:
        """One row per pair: first, second, distance."""
        import pandas as pd

        first, second = torch.triu_indices(len(self.members), len(self.members), 1)
        names = torch.tensor(self.members)
        values = self.matrix[first, second].tolist()
        return pd.DataFrame({"first": names[first].tolist(), "second": names[second].tolist(), "distance": values})

    def draw(self, axes: Axes) -> None:
        """Draw the matrix as a heat map."""
        from sqnn.metrics import figure_of

        image = axes.imshow(self.matrix.numpy(), vmin=0, cmap="magma", origin="lower")
        axes.set_xlabel(self.between[:-1])
        axes.set_ylabel(self.between[:-1])
        figure_of(axes).colorbar(image, ax=axes, label=f"distance ({self.measure})")

    def summary(self) -> str:
        """Say between what, and the largest distance."""
        return f"{self.measure} between {len(self.members)} {self.between}, up to {float(self.matrix.max()):.3g}"


def spike_distances(
    layer: LayerLike,
    *,
    between: str = "neurons",
    measure: str | DistanceMeasure = "victor-purpura",
    neurons: Neurons = None,
    image: int | None = None,
) -> Distances:
    """Return the distances between trains of neurons, or between images.

    Between "neurons", for one `image` or as the mean over all; between "images", each neuron is compared with itself
    and costs (Victor-Purpura) or squares (van Rossum) are summed over `neurons`. `measure` is a name of DISTANCES or a
    measure with its options, such as `VanRossum(tau=3)`. Raises ConfigError on more than 2,000 neurons or images.
    """
    require_one_of("between", between, BETWEEN)
    made = measure if isinstance(measure, DistanceMeasure) else DISTANCES.pick(measure, error=ConfigError)()
    trains = binary_trains(layer)
    among_neurons = between == "neurons"
    chosen = neuron_indices(layer, neurons, most=MATRIX_MOST if among_neurons else None)
    trains = trains[:, :, chosen]
    images = range(trains.shape[1]) if image is None else [image_of(image, trains.shape[1])]
    if among_neurons:
        groups, members = trains[:, list(images)].permute(1, 2, 0), tuple(chosen.tolist())
    else:
        if image is not None:
            raise ConfigError(f"image: got {image!r}, which has no effect between images; leave it out")
        if len(images) > MATRIX_MOST:
            raise ConfigError(f"layer: got {len(images):,} images, expected at most {MATRIX_MOST:,}; select some")
        groups, members = trains.permute(2, 1, 0), tuple(images)
    power = 1 if among_neurons else made.power
    total = trains.new_zeros(len(members), len(members))
    different, number = groups.flatten(0, 1).unique(dim=0, return_inverse=True)
    if len(different) ** 2 <= PAIRS_MOST:  # few steps have few trains: each pair of these once
        table = made.pairs(different[None])[0] ** power
        for group in number.view(groups.shape[:2]):
            total += table[group][:, group]
    else:
        for part in groups.split(max(1, PAIRS_MOST // len(members) ** 2)):
            total += (made.pairs(part) ** power).sum(0)
    matrix = total / len(groups) if among_neurons else total ** (1 / power)
    return Distances(measure=made.title, between=between, members=members, matrix=matrix)
