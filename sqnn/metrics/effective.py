"""Effective parameters of any network: the independent directions in which its weights move its logits."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice

import torch
from torch import Tensor, nn

from sqnn.core import AUTO, ConfigError, computing_in, require, threads_for, torch_numbers
from sqnn.data import Split
from sqnn.metrics.accuracy import EVALUATION_SEED
from sqnn.models import HasNetwork, circuits_of, logits_of, network_of, require_network, step_work

TOLERANCE = 1e-12
"""Singular values above this share of the largest are counted; rounding in double precision leaves about 1e-15."""
MOST_PARAMETERS = 4_000
"""Most trainable parameters of a network that is measured; the Jacobian of more takes many minutes."""
ADDITIONS_PER_LEAST = 4
"""Images are added a quarter of the least number at a time, until such a quarter adds nothing to the rank."""
MOST_OUTPUTS_PER_PARAMETER = 4
"""Outputs per parameter at which no more are added."""
MIXED = 256
"""Images that sums of outputs are taken over, to find what the images before have missed."""
SUMS = 2
"""Sums that are taken at first."""


@dataclass(frozen=True)
class EffectiveParameters:
    """`rank` of d logits / d parameters at one set of weights, of so many trainable `parameters` and so many `outputs`.

    `outputs` is images times classes, and random sums of such; `tolerance` is the share of the largest of
    `singular_values` (descending, [parameters]) above which one is counted. Where it is not `settled`, the last images
    still added to the rank, and more of them may.
    """

    rank: int
    parameters: int
    outputs: int
    tolerance: float
    settled: bool
    singular_values: Tensor = field(repr=False, compare=False)

    @property
    def gap(self) -> float:
        """The smallest singular value that is counted, in units of the largest that is not; infinite without one."""
        values = self.singular_values.tolist()
        if self.rank in (0, self.parameters) or not values[self.rank]:
            return math.inf
        return float(values[self.rank - 1] / values[self.rank])

    def __str__(self) -> str:
        least = "" if self.settled else "at least "
        return (
            f"{least}{self.rank:,} effective of {self.parameters:,} parameters (rank over {self.outputs:,} outputs, "
            f"singular values above {self.tolerance:g} of the largest)"
        )


def effective_parameters(
    model: nn.Module | HasNetwork,
    images: Tensor | Split,
    generator: torch.Generator | None = None,
    *,
    tolerance: float = TOLERANCE,
) -> EffectiveParameters:
    """Measure the rank of the Jacobian of the logits by the trainable parameters of a network, or of that of a run.

    J[(s, c), k] = d logit_c(x_s) / d w_k over images x_s [batch, channels, height, width]: the first that give as many
    outputs as parameters, and then more until a quarter as many add nothing to the rank, none is left, or outputs are
    four times the parameters; at last random sums of the logits of 256 of all images, until those add nothing either.
    Directions of the weights that change no logit of these images are not counted: dead angles of a circuit, the scale
    of a convolution before its batch norm or of the weights around a ReLU, silent or doubled units, weights of pixels
    that are always black. It is the rank at the weights the network has, in evaluation mode and double precision; at
    special weights, such as zeros or those of an untrained network whose neurons are silent, it is lower than after
    training.

    Spikes have no derivative but zero: theirs is the surrogate gradient, by which they are trained. Random encoders
    draw from `generator`, by default one of the same seed in every call.

    Raises ConfigError where images x classes are fewer than the parameters, which would cap the rank; where nothing is
    trained by a gradient; where logits are drawn (shots), which have the rank of their randomness; and on more than
    4,000 parameters.

    Source: the rank of the Fisher information, Abbas et al., Nat. Comput. Sci. 1, 403 (2021), of which this is the root
    for logits of unit variance; for spikes, Neftci, Mostafa and Zenke, IEEE Signal Process. Mag. 36, 51 (2019).
    """
    model = require_network(network_of(model))
    require(isinstance(images, Tensor | Split), "images", images, "images [batch, ...], or a part of a data set")
    require(0 < tolerance < 1, "tolerance", tolerance, "a number above 0 and below 1")
    for circuit in circuits_of(model):
        if circuit.shots is not None:
            raise ConfigError(f"model: draws {circuit.shots} shots, expected exact expectations: shots=None")
    measured = copy.deepcopy(model).cpu().double().eval()
    weights = [weight for weight in measured.parameters() if weight.requires_grad]
    parameters = sum(weight.numel() for weight in weights)
    if not weights:
        raise ConfigError(
            "model: got no trainable parameter, expected some; those of a converted network are its source's: measure "
            "that one"
        )
    if parameters > MOST_PARAMETERS:
        raise ConfigError(f"model: got {parameters:,} trainable parameters, expected at most {MOST_PARAMETERS:,}")
    generator = torch.Generator().manual_seed(EVALUATION_SEED) if generator is None else generator
    require(len(images) > 0, "images", "none", "some")
    threads = threads_for(step_work(measured, 1, _floats(images, torch.tensor([0])).shape), AUTO)
    with computing_in(threads), torch_numbers(EVALUATION_SEED), torch.enable_grad():
        places = torch.arange(len(images)).split(1)
        rows = (_rows(measured, weights, _floats(images, place), generator) for place in places)
        first = next(rows)
        least = math.ceil(parameters / len(first))
        if len(images) < least:
            raise ConfigError(
                f"images: got {len(images):,}, expected at least {least:,}, so that images x {len(first)} classes are "
                f"as many as the {parameters:,} parameters"
            )
        jacobian = torch.cat([first, *islice(rows, least - 1)])
        spare = islice(rows, (MOST_OUTPUTS_PER_PARAMETER - 1) * least)
        values = _singular_values(jacobian)
        rank, settled = _rank(values, tolerance), False
        while (
            not settled and rank < parameters and (more := list(islice(spare, math.ceil(least / ADDITIONS_PER_LEAST))))
        ):
            jacobian = torch.cat([jacobian, *more])
            values, before = _singular_values(jacobian), rank
            rank = _rank(values, tolerance)
            settled = rank == before
        mixing, sums = torch.Generator().manual_seed(EVALUATION_SEED), SUMS
        mixed = _floats(images, torch.randperm(len(images), generator=mixing)[:MIXED])
        while settled and rank < parameters:
            more = [_sum(measured, weights, mixed, generator, mixing) for _ in range(sums)]
            jacobian = torch.cat([jacobian, *more])
            values, before = _singular_values(jacobian), rank
            rank = _rank(values, tolerance)
            if rank == before:
                break
            sums *= 2
    return EffectiveParameters(rank, parameters, len(jacobian), tolerance, settled or rank == parameters, values)


def _rows(model: nn.Module, weights: Sequence[Tensor], image: Tensor, generator: torch.Generator) -> Tensor:
    """Return d logits / d weights of one image, [classes, parameters]."""
    logits = logits_of(model, image, generator)[0]
    if not logits.requires_grad:
        raise ConfigError(
            f"model: no gradient reaches the weights of {type(model).__name__}, expected a network that is trained by "
            "one"
        )
    last = len(logits) - 1
    return torch.stack([_gradient(logits[output], weights, output < last) for output in range(len(logits))])


def _sum(
    model: nn.Module, weights: Sequence[Tensor], images: Tensor, generator: torch.Generator, mixing: torch.Generator
) -> Tensor:
    """Return the derivatives of a random sum of all logits of images, [1, parameters]."""
    logits = logits_of(model, images, generator)
    shares = torch.randn(logits.shape, generator=mixing, dtype=logits.dtype)
    return _gradient((logits * shares).sum(), weights)[None]


def _gradient(value: Tensor, weights: Sequence[Tensor], kept: bool = False) -> Tensor:
    grads = torch.autograd.grad(value, weights, retain_graph=kept, allow_unused=True)
    pairs = zip(weights, grads, strict=True)
    return torch.cat([(torch.zeros_like(weight) if grad is None else grad).flatten() for weight, grad in pairs])


def _singular_values(jacobian: Tensor) -> Tensor:
    if not torch.isfinite(jacobian).all():
        raise ConfigError("model: got a gradient that is not finite, expected numbers; check its weights")
    return torch.linalg.svdvals(jacobian)


def _rank(values: Tensor, tolerance: float) -> int:
    return int((values > tolerance * values[0]).sum())


def _floats(images: Tensor | Split, places: Tensor) -> Tensor:
    """Return images in double precision."""
    chosen = images.floats(places) if isinstance(images, Split) else images[places.to(images.device)]
    return chosen.double().cpu()
