"""How much gradient reaches each layer of a layer-wise hybrid network before it has learned anything."""

from __future__ import annotations

import copy
import dataclasses
import math
from collections.abc import Iterator
from typing import NamedTuple

import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sqnn.core import ConfigError, require_one_of, sweep_progress
from sqnn.data import ImageData, Split
from sqnn.encoding import RESCALINGS, RunningRange
from sqnn.studies.gradients.study import geometric_mean
from sqnn.studies.layerwise import LayeredStudy, require_count

BRANCHES = ("ann", "snn")


@dataclasses.dataclass(frozen=True, kw_only=True)
class LayerStudy(LayeredStudy):
    """Which gradients to compare.

    A seed draws the weights and a batch of `images` training images, the same for every surrogate; surrogates and
    rescaling change the backward pass only, so that all of them see the same loss. Raises ConfigError as `LayeredStudy`
    does.
    """

    rescaling: str = "order"
    images: int = 128

    def __post_init__(self) -> None:
        super().__post_init__()
        require_one_of("rescaling", self.rescaling, RESCALINGS)
        require_count("images", self.images, least=2)  # batch norms need two


class FirstWeight(NamedTuple):
    """The first convolution's or linear layer's weight of a branch; stages count from 1."""

    stage: int
    branch: str
    parameter: str
    weight: Tensor


COLUMNS = [
    "model",
    "data",
    "images",
    "variant",
    "surrogate",
    "rescaling",
    "seed",
    "stage",
    "branch",
    "parameter",
    "weights",
    "norm",
    "rms",
    "loss",
]


def layer_study(study: LayerStudy, data: ImageData, progress: bool = False) -> pd.DataFrame:
    """Measure the gradients of a whole study; one row a variant, seed, surrogate, stage and branch.

    Columns as COLUMNS: `weights` is how many numbers the parameter has, `norm` the Euclidean norm of the loss gradient
    with respect to it, `rms` = norm / sqrt(weights), both in nats per unit of weight, `loss` the mean cross-entropy of
    the batch in nats. A gradient that is exactly 0 is a 0 there.

    Raises ConfigError where the data have fewer training images than the batch.
    """
    if study.images > len(data.train):
        raise ConfigError(f"images: got {study.images:,}, expected at most the {len(data.train):,} training images")
    parts = [(variant, seed) for variant in study.variants for seed in range(study.seeds)]
    rows: list[pd.DataFrame] = []
    with sweep_progress(len(parts), progress) as tick:
        for variant, seed in parts:
            rows.append(measure_layers(study, data, variant, seed))
            tick(f"{variant}, seed {seed}")
    return pd.concat(rows, ignore_index=True)


def measure_layers(study: LayerStudy, data: ImageData, variant: str, seed: int) -> pd.DataFrame:
    """Return the rows of one variant and seed.

    The network is in training, so that norms take the batch's own statistics, and its running ranges are those of the
    batch (see `settle`).
    """
    batch = draw_batch(data.train, study.images, seed)
    images, labels = batch.floats(), batch.labels
    settled: dict[str, Tensor] = {}
    rows = []
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
            where = (study.model, data.name, study.images, variant, surrogate, study.rescaling, seed)
            rows.append((*where, *first[:3], size, norm, norm / math.sqrt(size), loss.item()))
    return pd.DataFrame(rows, columns=COLUMNS)


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
            part = getattr(stage, branch)
            if part is not None:
                name, layer = next(
                    (name, module) for name, module in part.named_modules() if isinstance(module, nn.Conv2d | nn.Linear)
                )
                yield FirstWeight(number + 1, branch, f"stages.{number}.{branch}.{name}.weight", layer.weight)


def summarise_layers(frame: pd.DataFrame) -> pd.DataFrame:
    """Return one row a variant, surrogate, branch and stage: geometric mean, least and largest `rms` over the seeds.

    Where a seed has a gradient of exactly 0 the geometric mean is 0; `zeros` counts those seeds.
    """
    keys = ["variant", "surrogate", "rescaling", "branch", "stage"]
    rows = []
    for names, part in frame.groupby(keys, sort=False):
        zeros = int((part.rms == 0).sum())
        rows.append(
            {
                **dict(zip(keys, names, strict=True)),
                "seeds": len(part),
                "zeros": zeros,
                "rms": 0.0 if zeros else geometric_mean(part.rms),
                "low": float(part.rms.min()),
                "high": float(part.rms.max()),
            }
        )
    return pd.DataFrame(rows, columns=[*keys, "seeds", "zeros", "rms", "low", "high"])
