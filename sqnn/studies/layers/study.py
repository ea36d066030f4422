"""Study of the gradient that reaches each layer of an untrained layer-wise hybrid network."""

from __future__ import annotations

import copy
import dataclasses
import math
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sqnn.core import ConfigError, Row, option
from sqnn.data import ImageData, Split
from sqnn.encoding import RESCALINGS, RunningRange
from sqnn.studies.layerwise import LayeredStudy
from sqnn.studies.runner import Panel, geometric_mean, kinds, run_study

if TYPE_CHECKING:
    import pandas as pd

IMAGES = 128
"""Images of the batch where nothing else is asked for; all there are where these are fewer."""
BRANCHES: Mapping[str, str] = MappingProxyType({"ann": "ordinary branches", "snn": "spiking branches"})
COLUMNS = kinds(
    "model data: str; images: int; variant surrogate rescaling: str; seed stage: int; branch parameter: str; "
    "weights: int; norm rms loss: float"
)
"""Every column and the kind of its values.

`weights` is how many numbers the parameter has, `norm` the Euclidean norm of the loss gradient with respect to it and
`rms` = norm / sqrt(weights), both in nats per unit of weight; `loss` is the mean cross-entropy of the batch in nats. A
gradient that is exactly 0 is a 0 there.
"""


class LayerCell(NamedTuple):
    """The networks of one variant and seed, one per surrogate."""

    variant: str
    seed: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class LayerStudy(LayeredStudy[LayerCell]):
    """Show how much gradient reaches each stage of a layer-wise hybrid network that has learned nothing yet.

    For each surrogate of the encoders: the loss gradient of the first weight of every stage, ordinary and spiking
    branch apart, as a root mean square (norm / sqrt(number of weights), in nats per unit of weight), geometric mean
    over the seeds. A seed draws the weights and a batch of training images; surrogates and rescaling change the
    backward pass only, so that all of them see the same loss. Stages differ in width, and with it in how many weights
    share a gradient: compare the surrogates within a stage rather than the stages.

    Without ordinary branches (no-ann) the encoders alone carry the gradient: detached leaves exactly 0 before the last
    stage. The defaults take half a minute on one core.

    Examples:

    sqnn study layers

    sqnn study layers --model has8-resnet --rescaling none --seeds 3

    sqnn study layers --data mnist --data-dir DIR --surrogates sigmoid-sine,detached
    """

    name = "layers"
    title = "gradient per stage of layer-wise hybrid networks"
    columns = COLUMNS
    figure = "sqnn.studies.layers.figure:plot_layers"
    key = ("variant", "surrogate", "seed", "stage", "branch")
    axes = ("variants", "seeds")

    rescaling: str = option("order", "rescaling of the gradients", among=RESCALINGS)
    images: int = option(IMAGES, "images of the batch (fewer where there are no more)", least=2)  # batch norms need two

    def prepare(self, data: ImageData) -> ImageData:
        if IMAGES != self.images > len(data.train):
            raise ConfigError(f"images: got {self.images:,}, expected at most the {len(data.train):,} training images")
        return data

    def cells(self, subject: ImageData | None = None) -> list[LayerCell]:
        return [LayerCell(variant, seed) for variant in self.variants for seed in range(self.seeds)]

    def measure(self, cell: LayerCell, subject: ImageData) -> list[Row]:
        return _measure(self, subject, cell.variant, cell.seed)

    def shared_columns(self, subject: ImageData, cell: LayerCell) -> Row:
        return {
            "model": self.model,
            "data": subject.name,
            "images": min(self.images, len(subject.train)),
            "rescaling": self.rescaling,
        }

    def describe(self, subject: ImageData) -> dict[str, object]:
        return {**super().describe(subject), "data": subject.name, "data_sha256": subject.fingerprint}

    @classmethod
    def summary(cls, rows: pd.DataFrame) -> pd.DataFrame:
        """Return geometric mean, least and largest `rms` over the seeds, by variant, surrogate, branch and stage.

        Where a seed has a gradient of exactly 0 the geometric mean is 0; `zeros` counts those seeds.
        """
        import pandas as pd

        keys = ["variant", "surrogate", "rescaling", "branch", "stage"]
        lines = []
        for names, part in rows.groupby(keys, sort=False):
            zeros = int((part.rms == 0).sum())
            lines.append(
                {
                    **dict(zip(keys, names, strict=True)),
                    "seeds": len(part),
                    "zeros": zeros,
                    "rms": 0.0 if zeros else geometric_mean(part.rms),
                    "low": float(part.rms.min()),
                    "high": float(part.rms.max()),
                }
            )
        return pd.DataFrame(lines, columns=[*keys, "seeds", "zeros", "rms", "low", "high"])

    @classmethod
    def report(cls, rows: pd.DataFrame) -> Iterator[Panel | str]:
        """Yield one table per variant and branch: stages in rows, surrogates in columns."""
        one = rows.iloc[0]
        yield (
            f"{one.model} at its first weights, {one.images:,} images of {one.data}, rescaling {one.rescaling}: root "
            f"mean square of the gradient of each stage's first weight (nats per unit of weight), geometric mean over "
            f"the seeds ({rows.seed.nunique()})"
        )
        surrogates = list(dict.fromkeys(rows.surrogate))
        for (variant, branch), part in cls.summary(rows).groupby(["variant", "branch"], sort=False):
            wide = part.pivot(index="stage", columns="surrogate", values="rms")[surrogates]
            lines = [(stage, *(f"{rms:.1e}" if rms else "0" for rms in line)) for stage, *line in wide.itertuples()]
            names = [name.replace("-", "-\n") for name in surrogates]
            yield Panel(f"{variant}, {BRANCHES[str(branch)]}", ("stage", *names), lines)


summarise_layers = LayerStudy.summary


class FirstWeight(NamedTuple):
    """The first convolution's or linear layer's weight of a branch; stages count from 1."""

    stage: int
    branch: str
    parameter: str
    weight: Tensor


def layer_study(study: LayerStudy, data: ImageData, progress: bool = False) -> pd.DataFrame:
    """Measure a whole study; one row per variant, seed, surrogate, stage and branch, columns as in COLUMNS."""
    return run_study(study, data, progress=progress).frame


def measure_layers(study: LayerStudy, data: ImageData, variant: str, seed: int) -> pd.DataFrame:
    """Return the rows of one variant and seed.

    The network is in training, so that norms take the batch's own statistics, and its running ranges are those of the
    batch (see `settle`).
    """
    cell = LayerCell(variant, seed)
    common: Row = {**study.shared_columns(data, cell), **study.identify(cell)}
    return study.schema().frame({**common, **row} for row in study.measure(cell, data))


def _measure(study: LayerStudy, data: ImageData, variant: str, seed: int) -> list[Row]:
    batch = draw_batch(data.train, study.images, seed)
    images, labels = batch.floats(), batch.labels
    settled: dict[str, Tensor] = {}
    rows: list[Row] = []
    for surrogate in study.surrogates:
        model = study.build(data, seed, variant=variant, encoding_surrogate=surrogate, rescaling=study.rescaling)
        if settled:
            model.load_state_dict(settled)
        else:
            settle(model, images)
            settled = copy.deepcopy(model.state_dict())
        firsts = list(first_weights(model))
        loss = F.cross_entropy(model.train()(images), labels)
        # What the loss does not depend on has no gradient at all, which is one of zero.
        gradients = torch.autograd.grad(loss, [first.weight for first in firsts], allow_unused=True)
        for first, gradient in zip(firsts, gradients, strict=True):
            norm = 0.0 if gradient is None else float(gradient.double().norm())
            size = first.weight.numel()
            row: Row = {"surrogate": surrogate, "stage": first.stage, "branch": first.branch}
            row |= {"parameter": first.parameter, "weights": size}
            rows.append({**row, "norm": norm, "rms": norm / math.sqrt(size), "loss": loss.item()})
    return rows


def settle(model: nn.Module, images: Tensor) -> None:
    """Bring the running ranges of a network to those of its values for these images, weights left as they are.

    At first a running range is [0, 1], whatever the values are; training moves it within some batches. A range is right
    once all those before it are: as many passes as there are ranges suffice, each replacing them by what it saw.
    """
    ranges = [module for module in model.modules() if isinstance(module, RunningRange)]
    momenta = [each.momentum for each in ranges]
    model.train()
    with torch.no_grad():
        for each in ranges:
            each.momentum = 1.0
        for _ in ranges:
            model(images)
        for each, momentum in zip(ranges, momenta, strict=True):
            each.momentum = momentum


def draw_batch(split: Split, count: int, seed: int) -> Split:
    """Return `count` images of the split, drawn without replacement by `seed`."""
    return split.take(torch.randperm(len(split), generator=torch.Generator().manual_seed(seed))[:count])


def first_weights(model: nn.Module) -> Iterator[FirstWeight]:
    """Yield the first weight of each branch of each stage, from the input to the output."""
    stages: nn.ModuleList = model.stages  # type: ignore[assignment]
    for number, stage in enumerate(stages):
        for branch in BRANCHES:
            part = dict(stage.named_children()).get(branch)
            for name, layer in part.named_modules() if part is not None else ():
                if isinstance(layer, nn.Conv2d | nn.Linear):
                    yield FirstWeight(number + 1, branch, f"stages.{number}.{branch}.{name}.weight", layer.weight)
                    break
