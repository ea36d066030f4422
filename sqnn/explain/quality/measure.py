"""All measures of one method on a few images, as rows of a table."""

from __future__ import annotations

import dataclasses
import itertools
from types import MappingProxyType
from typing import NamedTuple

import torch
from torch import Tensor, nn

from sqnn.core import Config, ConfigError, Row, option
from sqnn.data import SEED_LIMIT
from sqnn.explain.attribution import NO_ATTRIBUTION
from sqnn.explain.quality.agreement import rank_correlation, share_inside
from sqnn.explain.quality.deletion import deletion
from sqnn.explain.quality.maps import MapMaker, ink, intensity, make_maps
from sqnn.explain.quality.randomisation import randomised
from sqnn.explain.quality.robustness import infidelity, sensitivity
from sqnn.metrics import predict_logits

MEASURES = MappingProxyType(
    {
        "deletion": "mean probability while the first pixels are blackened",
        "insertion": "mean probability while the first pixels come back to black",
        "deletion_mean": "as deletion, with the mean image in place of black",
        "insertion_mean": "as insertion, from the mean image",
        "infidelity": "error in foretelling falls of the logit, 0 to 1",
        "with_intensity": "rank correlation with the intensity, on ink (pixels that are not black)",
        "inside": "share of the positive values where the label was planted",
        "completeness": "error of the sum of the values, as a share of it",
        "seconds": "time for one image",
        "sensitivity": "largest change of the map under small noise, as a share of it",
        "other_class": "rank correlation with the map of the runner-up class, on ink",
        "similarity": "rank correlation with the map of a network whose weights are shuffled, on ink",
    }
)
"""Measures of a map, each of one image."""
AT_ONCE = 50
"""Images that are explained together."""
SEEDS = 1_000_003
"""Distance of the seeds of two images."""
TRAINED = ""
"""In the column `randomised`: the network as it is."""
REDRAWN = "other draws"
"""In the column `randomised`: the network as it is, explained once more with other random numbers."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class QualityOptions(Config):
    """How methods are compared."""

    images: int = option(500, "the first so many test images", least=2)
    repeated: int = option(
        50, "of them, those explained anew: under noise, for another class, with shuffled weights", least=0
    )
    steps: int = option(28, "steps of deletion and insertion", least=1)
    deleted: float = option(0.5, "share of the pixels that are deleted or inserted", above=0, most=1)
    squares: int = option(16, "squares per image that are blackened for the infidelity", least=2)
    noises: int = option(4, "draws of noise for the sensitivity", least=1)
    radius: float = option(0.02, "largest noise of a pixel, in units of full intensity", above=0, most=1)
    stages: int = option(3, "networks with ever more layers shuffled, the last one with all", least=1)
    seed: int = option(0, "seed of all that is drawn", least=0, most=SEED_LIMIT - 1)

    @property
    def parts(self) -> range:
        """Numbers of the first images of the parts that are explained together."""
        return range(0, self.images, AT_ONCE)


class QualitySubject(NamedTuple):
    """A network with what its explanations are measured by.

    `mean` is the mean training image, `region` the pixels that the label was planted in, bool [height, width]; None
    where it was not.
    """

    model: nn.Module
    mean: Tensor
    region: Tensor | None


def measure_maps(
    make: MapMaker, subject: QualitySubject, images: Tensor, repeated: int, start: int, how: QualityOptions
) -> tuple[list[Row], Tensor]:
    """Return measures of the maps that `make` gives for images and the classes predicted for them; and these maps.

    One row per image, `randomised` empty and `image` counted from `start`; and, of the first `repeated`, one more row
    per shuffled network, with its `similarity` alone, and one REDRAWN with that of the same map with other draws. What
    has no value is not a number (nan). What is drawn follows from the seed and `start`; maps that are compared have the
    same draws, and what measures them is drawn alike for all methods. Raises ValueError as the method does, and
    where there is no attribution since the network is silent for all images.
    """
    model, mean, region = subject
    generator, draws = (torch.Generator().manual_seed(how.seed + SEEDS * (2 * start + own)) for own in range(2))
    begin = generator.get_state()

    def again(network: nn.Module, which: Tensor) -> Tensor:
        return make_maps(make, network, images[few], which[few], torch.Generator().set_state(begin)).values

    few = slice(repeated)
    ranked = predict_logits(model, images).topk(2).indices
    target, other = ranked.unbind(-1)
    maps = make_maps(make, model, images, target, generator)
    if maps.silent:
        raise ConfigError(NO_ATTRIBUTION)
    values: dict[str, Tensor] = {}
    for name, fill in (("", torch.zeros(())), ("_mean", mean)):
        for kind in ("deletion", "insertion"):
            curves = deletion(
                model,
                images,
                target,
                maps.values,
                draws,
                steps=how.steps,
                share=how.deleted,
                fill=fill,
                insert=kind == "insertion",
            )
            values[kind + name] = curves.area
    values["infidelity"] = infidelity(model, images, target, maps.values, draws, squares=how.squares)
    where = ink(images)
    values["with_intensity"] = rank_correlation(maps.values, intensity(model, images, target, generator), where)
    if region is not None:
        values["inside"] = share_inside(maps.values, region.expand(maps.values.shape[1:]))
    if maps.completeness is not None:
        values["completeness"] = maps.completeness
    values["seconds"] = torch.full((len(images),), maps.seconds / len(images))
    stages: list[Row] = []
    if repeated:
        # Fewer images are another draw.
        kept = maps.values if repeated >= len(images) else again(model, target)
        begun = torch.Generator().set_state(begin)
        values["sensitivity"] = sensitivity(
            make, model, images[few], target[few], kept, draws, noises=how.noises, radius=how.radius, begun=begun
        )
        values["other_class"] = rank_correlation(again(model, other), kept, where[few])
        redrawn = make_maps(make, model, images[few], target[few], draws).values
        shuffled = randomised(model, torch.Generator().manual_seed(how.seed), how.stages)
        other_maps = ((layer, again(changed, target)) for layer, changed in shuffled)
        for layer, found in itertools.chain([(REDRAWN, redrawn)], other_maps):
            similar = rank_correlation(found, kept, where[few])
            stages += [
                {"image": number, "randomised": layer, "similarity": value}
                for number, value in enumerate(similar.tolist(), start)
            ]
    rows: list[Row] = [
        {"image": number, "randomised": TRAINED, "target": label} for number, label in enumerate(target.tolist(), start)
    ]
    for name, column in values.items():
        for row, value in zip(rows, column.tolist(), strict=False):
            row[name] = value
    return [*rows, *stages], maps.values
