"""`sqnn convert`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from sqnn.cli.conversion_report import operation_table, score_table, verification_table
from sqnn.cli.mend import mending
from sqnn.cli.output import check_file, check_json, console, write_json
from sqnn.cli.source import model_file, open_data, open_model
from sqnn.conversion import CALIBRATION_IMAGES, METHODS, ORDERS, SpikingNetwork, convert_by, save_spiking, verify
from sqnn.core import ConfigError, require, require_one_of
from sqnn.data import DATASETS, ImageData, Split
from sqnn.metrics import count_operations, score
from sqnn.training import SPLITS, check_fit

EXACT = next(iter(METHODS))
SUFFIX = ".safetensors"
PRECISIONS = ("single", "double")
NOT_EXACT = 1
"""Exit code where a bit differs in double precision, or an output by more than rounding."""
COUNTED = 200
"""Most images that operations are counted on; their means change little beyond."""


def convert(
    path: Annotated[Path, typer.Argument(help="a run's folder, or a network's .safetensors file")],
    method: Annotated[str, typer.Option(help=f"conversion: {', '.join(METHODS)}")] = EXACT,
    timesteps: Annotated[
        int | None, typer.Option(help="time steps of a conversion by rate (exact has one for each bit)")
    ] = None,
    planes: Annotated[
        int | None, typer.Option(help="exact: stop behind so many of the most significant bits (default: all)")
    ] = None,
    fold_batch_norm: Annotated[
        bool, typer.Option("--fold-batch-norm", help="exact: merge batch norms into convolutions, instead of a bias")
    ] = False,
    precision: Annotated[str, typer.Option(help=f"of all numbers: {', '.join(PRECISIONS)}")] = PRECISIONS[0],
    order: Annotated[str, typer.Option(help=f"execute by: {', '.join(ORDERS)}")] = "layer",
    check: Annotated[
        bool, typer.Option("--verify", help="compare every spike with the bit that it stands for, layer by layer")
    ] = False,
    data: Annotated[str | None, typer.Option(help=f"images: {', '.join(DATASETS)} (default: the run's)")] = None,
    data_dir: Annotated[Path | None, typer.Option(help="folder with the data files (default: $SQNN_DATA)")] = None,
    split: Annotated[str, typer.Option(help=f"which images: {', '.join(SPLITS)}")] = "test",
    images: Annotated[int | None, typer.Option(help="only the first so many of them (default: all)")] = None,
    out: Annotated[
        Path | None, typer.Option(help="write the spiking network to this .safetensors file, which evaluate reads")
    ] = None,
    json: Annotated[Path | None, typer.Option(help="also write all numbers to this JSON file")] = None,
    progress: Annotated[bool, typer.Option(help="show a progress bar")] = True,
) -> None:
    """Convert a trained network into a spiking one and tell what that costs: accuracy, spikes, operations, energy.

    exact: an activation of T bits (sqnn train --activation qcfs --timesteps T) becomes neurons that send its bits as
    spikes in T time steps, most significant first. No activation changes; --verify proves it bit by bit, in single
    precision up to rounding on the edges between two levels, with --precision double without a difference.

    qcfs-rate, max and percentile count spikes over --timesteps instead, with thresholds learned in training, or read
    off the first 500 training images (all where there are fewer) as the largest activation or its 99.9th percentile;
    the last two take ReLU networks. They approach the activations as steps are added.

    Orders of execution: layer (all steps of a layer, then the next layer), fused (exact only: the source's own layers
    run on summed planes, as fast as they do there), step (rates only: the whole network, step by step). Operations are
    means over the first 200 of the images; energies are those of 45 nm chips. Examples:

    sqnn convert runs/resnet20 --verify

    sqnn convert runs/resnet20 --verify --precision double --images 500

    sqnn convert runs/resnet20 --planes 2 --out two-planes.safetensors

    sqnn convert runs/resnet20 --method qcfs-rate --timesteps 8

    sqnn evaluate two-planes.safetensors --data digits
    """
    check_json(json)
    check_file("out", out)
    require(out is None or out != json, "json", str(json), "another file than --out")
    for option, target in (("out", out), ("json", json)):
        itself = target is not None and target.resolve() == model_file(path).resolve()
        require(not itself, option, str(target), "another file than the network that is converted")
    fits = out is None or out.suffix == SUFFIX
    require(fits, "out", str(out), f"a name that ends on {SUFFIX}")
    require_one_of("precision", precision, PRECISIONS)
    require_one_of("split", split, SPLITS)
    model, classes = open_model(path)
    if isinstance(model, SpikingNetwork):
        raise ConfigError(f"path: got {path}, a network that is converted already, expected the one it came from")
    if precision == "double":
        model = model.double()
    images_of = open_data(path, data, data_dir)
    check_fit(model, images_of)
    part = _first(images_of, split, images)
    with mending(path, model, images_of.name):
        spiking = convert_by(
            method,
            model,
            timesteps=timesteps,
            planes=planes,
            fold_batch_norm=fold_batch_norm,
            images=images_of.train.floats(slice(CALIBRATION_IMAGES)).to(next(model.parameters()).dtype),
        ).using(order)
    bits = "a conversion of method exact with all planes, whose spikes are bits"
    require(spiking.how.exact or not check, "verify", f"{method}, {spiking.timesteps} time steps", bits)
    shown = progress and console.is_terminal
    source_score, spiking_score = (score(network, part, progress=shown) for network in (model, spiking))
    counts = count_operations(spiking, part.floats(slice(COUNTED)))
    title = f"{path} on {images_of.name}, {split}: {method}, {spiking.timesteps} time steps"
    score_table(title, source_score, spiking_score)
    operation_table(*counts, images=min(COUNTED, len(part)))
    verification = verify(model, spiking, part, progress=shown) if check else None
    if verification is not None:
        verification_table(verification)
    if out is not None:
        save_spiking(spiking, out, classes)
        console.print(f"spiking network: {out}")
    told: dict[str, Any] = {
        "path": str(path),
        "data": images_of.name,
        "split": split,
        "images": len(part),
        "method": method,
        "timesteps": spiking.timesteps,
        "precision": precision,
        "order": order,
        "conversion": spiking.how.to_dict(),
        "source": {**source_score.to_dict(), "operations": counts[0].to_dict()},
        "spiking": {**spiking_score.to_dict(), "operations": counts[1].to_dict()},
        "verification": None if verification is None else verification.to_dict(),
    }
    write_json(json, told)
    if verification is not None and precision == "double" and not verification.exact:
        raise typer.Exit(NOT_EXACT)


def _first(data: ImageData, name: str, images: int | None) -> Split:
    """Return the first so many images of a split; ConfigError where it has fewer, or none."""
    split = data.splits[name]
    require(len(split) > 0, "split", name, f"one that holds images; {name} of {data.name} holds none")
    if images is None:
        return split
    require(1 <= images <= len(split), "images", images, f"from 1 to the {len(split):,} of {data.name}, {name}")
    return split.take(slice(images))
