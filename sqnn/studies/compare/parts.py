"""Parts of the images of a comparison: fewer to learn from, and noisy ones to be tested on."""

from __future__ import annotations

import dataclasses

import torch

from sqnn.data import ImageData, Split

LEVELS = 255
"""Levels of a noisy image above black."""


def fewer(data: ImageData, images: int, seed: int, passes: int = 1) -> ImageData:
    """Return the image set with the first `images` of its training images, in an order that `seed` draws.

    Each class is there in its proportion, and fewer images are among more. All of them, once, are `data` itself. Each
    image is there `passes` times: an epoch is so many passes then.
    """
    if images == len(data.train) and passes == 1:
        return data
    whole = images == len(data.train)
    order = torch.arange(images) if whole else stratified_order(data.train, seed)[:images]
    return dataclasses.replace(data, train=data.train.take(order.repeat(passes)))


def stratified_order(split: Split, seed: int) -> torch.Tensor:
    """Return positions of all images such that every beginning has the classes in their proportions.

    The k-th of the n images of a class, in random order, stands at (k - 1/2) / n of the whole. In every beginning the
    images of a class differ from its share by at most one where the classes are equally large.
    """
    shuffled = torch.randperm(len(split), generator=torch.Generator().manual_seed(seed))
    labels = split.labels[shuffled]
    place = torch.empty(len(split), dtype=torch.float64)
    for label in labels.unique():
        members = labels == label
        number = int(members.sum())
        place[members] = (torch.arange(number, dtype=torch.float64) + 0.5) / number
    return shuffled[place.argsort(stable=True)]


def noisy(split: Split, deviation: float, seed: int) -> Split:
    """Return the images with normal noise of this standard deviation on every pixel, white being 1.

    Values are cut off at black and white, and rounded to 256 levels.
    """
    images = split.floats()
    noise = torch.randn(images.shape, generator=torch.Generator().manual_seed(seed))
    levels = images.add_(noise, alpha=deviation).clamp_(0, 1).mul_(LEVELS).round_()
    return Split(levels.to(torch.uint8), split.labels, LEVELS)
