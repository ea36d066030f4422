"""The proof that conversion is free of error: every spike of converted networks beside the bit that it stands for.

    python sqnn/bench/exactness.py --data-dir DATA       # into results/conversion-exactness.csv
    python sqnn/bench/exactness.py --models resnet20,vit --images 100 --out some.csv
    python sqnn/bench/exactness.py --pixels 32,224 --timesteps 4

Every source network, with random and with trained weights, at 2, 3, 4, 6 and 8 time steps, in double precision, on
images of 28, 32 and 224 pixels; and one row a network in single precision, where the order of a sum can decide an
activation that lies on the edge between two levels (`edge` is the largest distance from it, in levels).

Images are test images: of 28 pixels MNIST, of 32 pixels CIFAR-10, else MNIST with a margin, of 224 pixels a few of
those of 32 enlarged. Where the folder `--data-dir` has neither, scikit-learn's digits are enlarged. Networks are narrow
(`width_multiplier`), so that everything takes about an hour on one core. A row is written when its cell is done;
after a kill the same command goes on. Exit code 1 says that a bit differed in double precision.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import torch
import typer
from torch import Tensor, nn
from torch.nn import functional as F

from sqnn.conversion import convert, prepare, verify
from sqnn.core import write_text
from sqnn.data import DataError, ImageData, Split, load_data
from sqnn.models import RetinaNet, RetinaNetConfig, create_model

RESULTS = Path(__file__).parent / "results" / "conversion-exactness.csv"
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
LARGE, LARGE_IMAGES, LARGE_PATCH = 224, 64, 16
"""Side of the large images in pixels, how many of them there are, and the side of the vision transformer's patches."""
KEY = ("model", "width_multiplier", "data", "pixels", "images", "timesteps", "weights", "precision")
"""What a row is a measurement of."""
SETTLING_PASSES = 10
"""Forward passes in training mode that give batch norms their statistics where weights stay random."""
TRAINING_STEPS = {28: 200, 32: 200, LARGE: 20}
DETECTOR_SHARE = 4
"""The detector, whose step is the dearest, is trained for a quarter of the steps."""
LEARNING_RATE = 2e-3


@dataclass(frozen=True)
class Cell:
    """One row: a network with some weights, converted, and the images that its spikes are compared on."""

    model: str
    pixels: int
    weights: str
    timesteps: int
    precision: str = "float64"


def cells(models: list[str]) -> Iterator[Cell]:
    """Yield every cell, those that share weights one behind the other."""
    for model in models:
        for pixels in PIXELS:
            for weights in ("random", "trained"):
                yield from (Cell(model, pixels, weights, timesteps) for timesteps in TIMESTEPS)
                if (pixels, weights) == (32, "trained"):
                    yield Cell(model, pixels, weights, BITS, "float32")


def measure(cell: Cell, data: ImageData, images: int) -> dict[str, Any]:
    """Compare all bits of one cell."""
    test = subset(data.test, images if cell.pixels < LARGE else min(images, LARGE_IMAGES))
    network = source(cell.model, cell.weights, cell.pixels, data)
    model = prepare(network, cell.timesteps).eval()
    accuracy = None if cell.model == "retinanet" else share_right(model, test, cell.pixels)
    model = model.to(getattr(torch, cell.precision))
    start = time.perf_counter()
    found = verify(model, convert(model), at_size(test, cell.pixels), batch_size=4 if cell.pixels == LARGE else 50)
    return {
        **identity(cell, data, len(test)),
        "bits": found.bits,
        "mismatches": found.mismatches,
        "first": sum(layer.first for layer in found.layers),
        "edge": found.edge,
        "output_difference": found.output_difference,
        "output_scale": found.output_scale,
        "changed": found.changed,
        "spikes": found.spikes,
        "accuracy": accuracy,
        "seconds": round(time.perf_counter() - start, 1),
    }


def identity(cell: Cell, data: ImageData, images: int) -> dict[str, Any]:
    """Return the columns of `KEY`."""
    width = WIDTHS[cell.model]
    values = (cell.model, width, data.name, cell.pixels, images, cell.timesteps, cell.weights, cell.precision)
    return dict(zip(KEY, values, strict=True))


@cache
def source(name: str, weights: str, pixels: int, data: ImageData) -> nn.Module:
    """Return the network in single precision, its batch norms used to the data, trained where `weights` says so."""
    options: dict[str, Any] = {
        "in_channels": data.in_channels,
        "image_size": (pixels, pixels),
        "num_classes": data.num_classes,
        "width_multiplier": WIDTHS[name],
        "activation": "qcfs",
        "timesteps": BITS,
    }
    if name == "vit" and pixels == LARGE:
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
        chosen = split.take(torch.randint(len(split), (8 if pixels == LARGE else 64,), generator=generator))
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
        said = torch.cat([model(part).argmax(1) for part in at_size(split, pixels).split(50)])
    return float((said == split.labels).double().mean())


def subset(split: Split, images: int) -> Split:
    """Return the first images of a split."""
    return split.take(slice(images))


def at_size(split: Split, pixels: int) -> Tensor:
    """Return the images as numbers in [0, 1] with that many pixels a side: enlarged, or given a margin up to 32."""
    images = split.floats()
    side = images.shape[-1]
    if (side, pixels) == (28, 32):
        return F.pad(images, (2, 2, 2, 2))
    return images if side == pixels else F.interpolate(images, (pixels, pixels), mode="bilinear").clamp_(0, 1)


def find_data(data_dir: Path | None) -> dict[int, ImageData]:
    """Return the data set for each size of images: the first of the wanted ones that the folder has."""
    return {28: _first(("mnist",), data_dir), **dict.fromkeys((32, LARGE), _first(("cifar10", "mnist"), data_dir))}


def _first(names: tuple[str, ...], data_dir: Path | None) -> ImageData:
    for name in names:
        try:
            return load_data(name, data_dir, download=False)
        except DataError:
            continue
    return load_data("digits")


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Return the rows that a run before has written; typer.BadParameter where the file is another table."""
    if not path.exists():
        return []
    frame = pd.read_csv(path)
    missing = [name for name in KEY if name not in frame]
    if missing:
        raise typer.BadParameter(f"out: {path} has no column {missing[0]}, expected a table that this script wrote")
    return [dict(zip(frame.columns, row, strict=True)) for row in frame.itertuples(index=False)]


def append(path: Path, row: dict[str, Any]) -> None:
    """Add a row to the table, which is whole at any time."""
    before = path.read_text() if path.exists() else ""
    write_text(path, before + pd.DataFrame([row]).to_csv(index=False, header=not before))


def main(
    data_dir: Annotated[Path | None, typer.Option(help="folder with MNIST and CIFAR-10; else SQNN_DATA")] = None,
    models: Annotated[str, typer.Option(help="networks, with commas")] = ",".join(WIDTHS),
    images: Annotated[int, typer.Option(min=1, help="test images of 28 and 32 pixels")] = 1000,
    pixels: Annotated[str, typer.Option(help="sides of the images, with commas")] = ",".join(map(str, PIXELS)),
    timesteps: Annotated[str, typer.Option(help="time steps, with commas")] = ",".join(map(str, TIMESTEPS)),
    out: Annotated[Path, typer.Option(help="CSV file that gets a row for each cell")] = RESULTS,
    threads: Annotated[int, typer.Option(min=1, help="threads to compute with")] = 1,
) -> None:
    """Compare every spike of converted networks with the bit that it stands for."""
    chosen = [name for name in models.split(",") if name]
    unknown = [name for name in chosen if name not in WIDTHS]
    if unknown or not chosen:
        raise typer.BadParameter(f"models: got {models!r}, expected some of {', '.join(WIDTHS)} with commas")
    for name, given, valid in (("pixels", pixels, PIXELS), ("timesteps", timesteps, TIMESTEPS)):
        if not set(given.split(",")) <= set(map(str, valid)):
            raise typer.BadParameter(
                f"{name}: got {given!r}, expected some of {', '.join(map(str, valid))} with commas"
            )
    torch.set_num_threads(threads)
    found = find_data(data_dir)
    rows = read_rows(out)
    done = {tuple(row[name] for name in KEY) for row in rows}
    for cell in cells(chosen):
        if str(cell.pixels) not in pixels.split(",") or str(cell.timesteps) not in timesteps.split(","):
            continue
        data = found[cell.pixels]
        count = min(images, len(data.test), LARGE_IMAGES if cell.pixels == LARGE else images)
        if tuple(identity(cell, data, count).values()) in done:
            continue
        row = measure(cell, data, images)
        rows.append(row)
        append(out, row)
        print(", ".join(f"{name} {value}" for name, value in row.items()), flush=True)
    double = [row for row in rows if row["precision"] == "float64"]
    wrong = [row for row in double if row["mismatches"] or row["changed"]]
    bits, differing = (sum(row[name] for row in double) for name in ("bits", "mismatches"))
    print(f"double precision: {differing:,} of {bits:,} bits differ; {len(wrong)} of {len(double)} rows are not exact")
    sys.exit(1 if wrong or not double else 0)


if __name__ == "__main__":
    typer.run(main)
