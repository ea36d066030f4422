"""The images that a network is compared and calibrated on, and thresholds read off what activations receive."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from numbers import Real

import torch
from torch import Tensor, fx

from sqnn.conversion.graph import Watcher
from sqnn.core import ConfigError, is_whole, require
from sqnn.data import Split
from sqnn.encoding import check_images
from sqnn.models import ModelConfig, check_batch
from sqnn.neurons import MIN_THRESHOLD

PERCENTILE = 99.9
"""Robust normalisation takes this percentile of the activations for their largest value; Rueckauer et al. 2017."""
SMALLEST = 1e-2
"""Threshold of an activation that received nothing above the smallest that can be learned."""


@torch.no_grad()
def observed_thresholds(
    graph: fx.GraphModule,
    sites: Sequence[fx.Node],
    images: Tensor | None,
    percentile: float = 100.0,
    channel_axes: Mapping[fx.Node, int] | None = None,
) -> dict[fx.Node, Tensor]:
    """Return, for each activation, the percentile of max(0, input) over `images`: `[]` or `[channels]`.

    `channel_axes` says for each activation along which dimension its channels are, where each is to have its own.
    100 is the largest value. All images go through in one batch, so that a percentile is one of all their activations.
    Raises ConfigError where there are no images or the percentile is not above 0 and at most 100.
    """
    checked = check_calibration(images, percentile)
    parameter = next(graph.parameters(), None)
    checked = checked if parameter is None else checked.to(parameter.device, parameter.dtype)
    feeds: dict[str, list[fx.Node]] = {}
    for site in sites:
        feeds.setdefault(site.all_input_nodes[0].name, []).append(site)
    thresholds: dict[fx.Node, Tensor] = {}

    def see(name: str, received: Tensor) -> None:
        positive = received.clamp(min=0)
        for site in feeds[name]:
            axis = None if channel_axes is None else channel_axes[site]
            within = axis is None or -received.ndim < axis < received.ndim
            require(within, "channel_axis", axis, f"a dimension of {site.name}'s input {list(received.shape)} after 0")
            rows = positive.reshape(1, -1) if axis is None else positive.movedim(axis, 0).flatten(1)
            place = max(1, math.ceil(percentile / 100 * rows.shape[1]))
            largest = rows.kthvalue(place).values
            values = torch.where(largest > MIN_THRESHOLD, largest, SMALLEST)
            thresholds[site] = values[0] if axis is None else values

    Watcher(graph, feeds, see).run(checked)
    return thresholds


def check_calibration(images: Tensor | None, percentile: float, config: ModelConfig | None = None) -> Tensor:
    """Return the images; ConfigError where there are none to calibrate with, or the percentile is none.

    `config` is that of the network; with one of the package's own, ValueError where the images do not fit it.
    """
    fits = isinstance(percentile, Real) and 0 < percentile <= 100
    require(fits, "percentile", percentile, "above 0 and at most 100")
    if not isinstance(images, Tensor) or not images.ndim or not len(images):
        shape = f"shape {list(images.shape)}" if isinstance(images, Tensor) else type(images).__name__
        received = "none" if images is None else shape
        raise ConfigError(
            f"images: got {received}, expected a tensor of images to read thresholds from (data.train.floats(...))"
        )
    if not images.is_floating_point():
        raise ConfigError(f"images: got {images.dtype}, expected floating point numbers (data.train.floats(...))")
    if not torch.isfinite(images).all():
        raise ConfigError("images: got NaN or infinite values, expected finite ones to read thresholds from")
    if config is not None:
        check_batch(images, config, images.dtype)
        check_images(images)
    return images


def images_of(data: Tensor | Split, batch_size: int) -> Tensor:
    """Return the images [batch, ...] of a part of a data set, or the images themselves.

    ConfigError where there are none, or they cannot be taken `batch_size` at a time.
    """
    require(is_whole(batch_size) and batch_size >= 1, "batch_size", batch_size, "a whole number of at least 1")
    images = data.floats() if isinstance(data, Split) else data
    if not isinstance(images, Tensor):
        raise ConfigError(f"data: got {type(data).__name__}, expected images [batch, ...] or a part of a data set")
    if not images.ndim or not len(images):
        raise ConfigError(f"data: got shape {list(images.shape)}, expected at least one image [batch, ...]")
    return images
