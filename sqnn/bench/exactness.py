"""The proof that conversion is free of error: every spike compared with the bit that it stands for."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sqnn.bench.benchmark import Benchmark, Cell, Row, names_of, numbers
from sqnn.core import ConfigError, option, require_one_of

if TYPE_CHECKING:
    from sqnn.data import ImageData, Split
    from sqnn.models import RetinaNet

WIDTHS: Mapping[str, float] = {
    "vgg11": 1 / 16,
    "vgg16": 1 / 16,
    "resnet18": 1 / 32,
    "resnet20": 1 / 8,
    "resnet34": 1 / 32,
    "mobilenetv2": 1 / 16,
    "vit": 1 / 2,
    "retinanet": 1 / 32,
}
"""The networks, and the factor on their widths."""
TIMESTEPS = (2, 3, 4, 6, 8)
BITS = 4
"""Bits of the activations in training; networks of other time steps take over its weights and thresholds."""
PIXELS = (28, 32, 224)
LARGE_SIDE, LARGE_IMAGES, LARGE_PATCH = 224, 64, 16
"""Side of the large images in pixels, how many of them there are, and the side of the vision transformer's patches."""
SETTLING_PASSES = 10
"""Forward passes in training mode that give batch norms their statistics where weights stay random."""
TRAINING_STEPS = {28: 200, 32: 200, LARGE_SIDE: 20}
DETECTOR_SHARE = 4
"""The detector, whose step is the dearest, is trained for a quarter of the steps."""
LEARNING_RATE = 2e-3


@dataclass(frozen=True, kw_only=True)
class ExactnessBenchmark(Benchmark):
    """Compare every spike of converted networks with the bit that it stands for.

    Every source network, with random and with trained weights, at 2, 3, 4, 6 and 8 time steps, in double precision, on
    images of 28, 32 and 224 pixels; and one row per network in single precision, where the order of a sum can decide an
    activation that lies on the edge between two levels ("edge" is the largest distance from it, in levels).

    Images are test images: of 28 pixels MNIST, of 32 pixels CIFAR-10, else MNIST with a margin, of 224 pixels a few of
    those of 32 enlarged. Where the folder --data-dir has neither, scikit-learn's digits are enlarged. Networks are
    narrow, so that everything takes about an hour on one core. A row is written when its cell is done; after a kill the
    same command goes on. Exit code 1 says that a bit differed in double precision.

    Examples:

    sqnn bench exactness --data-dir DATA --out exactness.csv

    sqnn bench exactness --models resnet20,vit --images 100 --pixels 32,224 --timesteps 4
    """

    name = "exactness"
    key = (*("model", "width_multiplier", "data", "pixels", "images", "timesteps", "weights", "precision"),)
    columns = (
        *(*key, "bits", "mismatches", "first", "edge", "output_difference", "output_scale"),
        *("changed", "spikes", "accuracy", "seconds"),
    )
    shown = "weights precision bits:,d mismatches:,d edge:.1e changed:,d seconds:.1f"
    free = ("data_dir", "models", "images", "pixels", "timesteps", "threads")
    quick: ClassVar = {"models": "resnet20", "images": 50, "pixels": "28", "timesteps": "2"}
    resumes = True

    data_dir: str | None = option(None, "folder with MNIST and CIFAR-10; else SQNN_DATA")
    models: str = option(",".join(WIDTHS), "networks, with commas")
    images: int = option(1000, "test images of 28 and 32 pixels", least=1)
    pixels: str = option(",".join(map(str, PIXELS)), "sides of the images, with commas")
    timesteps: str = option(",".join(map(str, TIMESTEPS)), "time steps, with commas")
    threads: int | None = option(1, "threads to compute with", least=1)

    def validate(self) -> None:
        if not names_of(self.models):
            raise ConfigError(f"models: got {self.models!r}, expected some of {', '.join(WIDTHS)} with commas")
        for model in names_of(self.models):
            require_one_of("models", model, WIDTHS)
        for name, text, valid in (("pixels", self.pixels, PIXELS), ("timesteps", self.timesteps, TIMESTEPS)):
            if not set(numbers(name, text)) <= set(valid):
                expected = ", ".join(map(str, valid))
                raise ConfigError(f"{name}: got {text!r}, expected some of {expected} with commas")

    def title(self, row: Row) -> str:
        return f"{row['model']}, {row['data']}, {row['pixels']} pixels, {row['timesteps']} time steps"

    def cells(self) -> Iterator[Cell]:
        """Yield every cell, those that share weights one after the other."""
        sets = find_data(None if self.data_dir is None else Path(self.data_dir))
        trained = lru_cache(1)(source)  # cells that share a network come one after the other
        steps, sides = numbers("timesteps", self.timesteps), numbers("pixels", self.pixels)
        for model, side, weights in product(names_of(self.models), PIXELS, ("random", "trained")):
            precisions = [(number, "float64") for number in TIMESTEPS]
            if (side, weights) == (32, "trained"):
                precisions.append((BITS, "float32"))
            for timesteps, precision in precisions:
                if side not in sides or timesteps not in steps:
                    continue
                data = sets[side]
                count = min(self.images, len(data.test), LARGE_IMAGES if side == LARGE_SIDE else self.images)
                values = (model, WIDTHS[model], data.name, side, count, timesteps, weights, precision)
                key: Row = dict(zip(self.key, values, strict=True))
                network = partial(trained, model, weights, side, data)
                yield Cell(key, partial(measure, network, model, side, timesteps, precision, data, count))

    def verdict(self, rows: Sequence[Row]) -> tuple[str, int]:
        double = [row for row in rows if row["precision"] == "float64"]
        bits, mismatches, changed = (
            [int(row[name] or 0) for row in double] for name in ("bits", "mismatches", "changed")
        )
        wrong = sum(a > 0 or b > 0 for a, b in zip(mismatches, changed, strict=True))
        sentence = f"double precision: {sum(mismatches):,} of {sum(bits):,} bits differ; "
        return f"{sentence}{wrong} of {len(double)} rows are not exact", 1 if wrong or not double else 0


def measure(
    network: Callable[[], nn.Module],
    name: str,
    pixels: int,
    timesteps: int,
    precision: str,
    data: ImageData,
    images: int,
) -> list[Row]:
    """Compare all bits of the network that a function returns, converted for so many time steps, on some images."""
    from sqnn.conversion import convert, prepare, verify

    test = data.test.take(slice(images))
    model = prepare(network(), timesteps).eval()
    accuracy = None if name == "retinanet" else share_right(model, test, pixels)
    model = model.to(torch.float64 if precision == "float64" else torch.float32)
    start = time.perf_counter()
    report = verify(model, convert(model), at_size(test, pixels), batch_size=4 if pixels == LARGE_SIDE else 50)
    return [
        {
            "bits": report.bits,
            "mismatches": report.mismatches,
            "first": sum(layer.first for layer in report.layers),
            "edge": report.edge,
            "output_difference": report.output_difference,
            "output_scale": report.output_scale,
            "changed": report.changed,
            "spikes": report.spikes,
            "accuracy": accuracy,
            "seconds": round(time.perf_counter() - start, 1),
        }
    ]


def source(name: str, weights: str, pixels: int, data: ImageData) -> nn.Module:
    """Return the network in single precision, its batch norms used to the data, trained where `weights` says so."""
    from sqnn.models import RetinaNet, RetinaNetConfig, create_model

    options: dict[str, Any] = {
        "in_channels": data.in_channels,
        "image_size": (pixels, pixels),
        "num_classes": data.num_classes,
        "width_multiplier": WIDTHS[name],
        "activation": "qcfs",
        "timesteps": BITS,
    }
    if name == "vit" and pixels == LARGE_SIDE:
        options["patch"] = LARGE_PATCH
    network = RetinaNet(RetinaNetConfig(**options)) if name == "retinanet" else create_model(name, **options)
    steps = TRAINING_STEPS[pixels] // (DETECTOR_SHARE if name == "retinanet" else 1)
    batches = draw(data.train, pixels, steps if weights == "trained" else SETTLING_PASSES)
    network.train()
    if weights == "random":
        with torch.no_grad():
            for images, _ in batches:
                network(images)
        return network.eval()
    train(network, batches)
    return network.eval()


def train(network: nn.Module, batches: Iterable[tuple[Tensor, Tensor]]) -> None:
    """Take one step of Adam for each batch."""
    from sqnn.models import RetinaNet

    optimizer = torch.optim.Adam(network.parameters(), LEARNING_RATE)
    for images, labels in batches:
        output = network(images)
        if isinstance(network, RetinaNet):
            loss = detection_loss(network, output, images, labels)
        else:
            loss = F.cross_entropy(output, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def draw(split: Split, pixels: int, batches: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield so many batches of training images and labels."""
    generator = torch.Generator().manual_seed(0)
    for _ in range(batches):
        chosen = split.take(torch.randint(len(split), (8 if pixels == LARGE_SIDE else 64,), generator=generator))
        yield at_size(chosen, pixels), chosen.labels


def detection_loss(network: RetinaNet, output: tuple[Tensor, Tensor], images: Tensor, labels: Tensor) -> Tensor:
    """Return cross-entropy plus smooth L1 against the box around the bright pixels of each image.

    A position within the box should say the image's class, and its distances to the box's four sides as shares of the
    image.
    """
    logits, boxes = output
    centres = torch.cat([_centres(*size) for size in network.map_sizes])
    low, high = bright_box(images)
    distances = torch.cat([centres - low[:, None], high[:, None] - centres], dim=-1)
    inside = (distances > 0).all(-1)
    wanted = F.one_hot(labels, logits.shape[-1])[:, None] * inside[..., None]
    return F.binary_cross_entropy_with_logits(logits, wanted.float()) + F.smooth_l1_loss(
        boxes[inside], distances[inside]
    )


def bright_box(images: Tensor) -> tuple[Tensor, Tensor]:
    """Return the corners (row, column) of the box around all pixels above the image's mean: two tensors [batch, 2]."""
    grey = images.mean(1)
    bright = grey > grey.mean((1, 2), keepdim=True)
    low, high = [], []
    for axis in (2, 1):
        shadow = bright.any(axis).float()
        low.append(shadow.argmax(1) / shadow.shape[1])
        high.append(1 - shadow.flip(1).argmax(1) / shadow.shape[1])
    return torch.stack(low, 1), torch.stack(high, 1)


def _centres(height: int, width: int) -> Tensor:
    """Return the middles of a map's positions, row by row, as shares of the image: [positions, 2]."""
    rows, columns = ((torch.arange(side) + 0.5) / side for side in (height, width))
    return torch.cartesian_prod(rows, columns)


def share_right(model: nn.Module, split: Split, pixels: int) -> float:
    """Return the share of the images that the source network classifies rightly."""
    with torch.no_grad():
        predicted = torch.cat([model(part).argmax(1) for part in at_size(split, pixels).split(50)])
    return float((predicted == split.labels).double().mean())


def at_size(split: Split, pixels: int) -> Tensor:
    """Return the images as numbers in [0, 1] with that many pixels a side: enlarged, or given a margin up to 32."""
    images = split.floats()
    side = images.shape[-1]
    if (side, pixels) == (28, 32):
        return F.pad(images, (2, 2, 2, 2))
    return images if side == pixels else F.interpolate(images, (pixels, pixels), mode="bilinear").clamp_(0, 1)


def find_data(data_dir: Path | None) -> dict[int, ImageData]:
    """Return the data set for each size of images: the first of the wanted ones that the folder has.

    Raises DataError where one is there and damaged: a proof says on which images it was made.
    """
    from sqnn.data import MissingDataError, load_data

    sets = []
    for wanted in (("mnist",), ("cifar10", "mnist")):
        for name in wanted:
            try:
                sets.append(load_data(name, data_dir, download=False))
                break
            except MissingDataError:
                continue
        else:
            sets.append(load_data("digits"))
    return {28: sets[0], 32: sets[1], LARGE_SIDE: sets[1]}
