"""`sqnn convert`: a trained network as a spiking one, and what that costs."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Annotated

import typer
from torch import nn

from sqnn.cli.options import (
    IMAGES,
    OWN_CHANNELS,
    TIMESTEPS,
    ThreadsOption,
    config_options,
    image_options,
    read_settings,
    recordings_in,
    with_options,
)
from sqnn.cli.output import check_files, console, table, write_json
from sqnn.cli.own import ModelOption, ModelOptions, given_own
from sqnn.cli.retraining import suggest_retraining
from sqnn.cli.source import data_flags, model_file, open_data, open_source
from sqnn.conversion import (
    CALIBRATION_IMAGES,
    METHODS,
    ORDERS,
    SpikingNetwork,
    Verification,
    convert_by,
    require_named,
    save_spiking,
    verify,
)
from sqnn.core import AUTO, Config, check_threads, computing_in, counted, option, require, threads_for
from sqnn.data import DATASETS, SPLITS, ImageData, Split
from sqnn.metrics import ENERGY_MODELS, OPERATIONS, OperationCount, Score, count_operations, score
from sqnn.models import step_work
from sqnn.training import check_fit

EXACT = next(iter(METHODS))
BITS = "a conversion of method exact with all planes, whose spikes are bits"
"""What can be verified."""
SUFFIX = ".safetensors"
PRECISIONS = ("single", "double")
NOT_EXACT = 1
"""Exit code where a bit differs in double precision, or an output by more than rounding."""
COUNTED = 200
"""Most images that operations are counted on; their means change little beyond."""
PICOJOULES = 1000
"""Picojoules in a nanojoule."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options(Config):
    """How to convert, and the images to measure on."""

    method: str = option(EXACT, "conversion", among=METHODS)
    timesteps: int | None = option(None, "time steps of a conversion by rate (exact has one per bit)")
    planes: int | None = option(None, "exact: stop after so many of the most significant bits (default: all)")
    fold_batch_norm: bool = option(False, "exact: merge batch norms into convolutions, instead of a bias")
    precision: str = option("single", "precision of all numbers", among=PRECISIONS)
    order: str = option("layer", "order of execution", among=ORDERS)
    data: str | None = option(None, f"{IMAGES.format(', '.join(DATASETS))} (default: the run's)")
    data_dir: Path | None = option(None, "folder with the data files (default: $SQNN_DATA)")
    split: str = option("test", "which images", among=SPLITS)
    images: int | None = option(None, "only the first so many of them (default: all)", least=1)

    def convert(self, model: nn.Module, data: ImageData) -> SpikingNetwork:
        """Return the network, converted."""
        calibration = data.train.floats(slice(CALIBRATION_IMAGES)).to(next(model.parameters()).dtype)
        spiking = convert_by(
            self.method,
            model,
            timesteps=self.timesteps,
            planes=self.planes,
            fold_batch_norm=self.fold_batch_norm,
            images=calibration,
        )
        return spiking.using(self.order)

    def part(self, data: ImageData) -> Split:
        """Return the images to measure on; ConfigError where the split has fewer than asked for, or none."""
        split = data.splits[self.split]
        require(len(split) > 0, "split", self.split, f"one that holds images; {self.split} of {data.name} holds none")
        if self.images is None:
            return split
        expected = f"from 1 to the {len(split):,} of {data.name}, {self.split}"
        require(self.images <= len(split), "images", self.images, expected)
        return split.take(slice(self.images))


OPTIONS = [*config_options(Options), *image_options(also=OWN_CHANNELS)]


@with_options(OPTIONS)
def convert(
    path: Annotated[Path, typer.Argument(help="a run's folder, or a network's .safetensors file")],
    check: Annotated[
        bool, typer.Option("--verify", help="compare every spike with the bit that it stands for, layer by layer")
    ] = False,
    out: Annotated[
        Path | None, typer.Option(help="write the spiking network to this .safetensors file, which evaluate reads")
    ] = None,
    json: Annotated[Path | None, typer.Option(help="also write all numbers to this JSON file")] = None,
    progress: Annotated[bool, typer.Option(help="show a progress bar")] = True,
    threads: ThreadsOption = AUTO,
    model: ModelOption = None,
    model_options: ModelOptions = None,
    **values: object,
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
    means over the first 200 of the images; energies are those of 45 nm chips.

    Examples:

    sqnn convert runs/resnet20 --verify

    sqnn convert runs/resnet20 --verify --precision double --images 500

    sqnn convert runs/resnet20 --planes 2 --out two-planes.safetensors

    sqnn convert runs/resnet20 --method qcfs-rate --timesteps 8

    sqnn evaluate two-planes.safetensors --data digits

    sqnn convert runs/mine --model networks:make --out spiking.safetensors
    """
    settings = read_settings(None, values, OPTIONS)
    size, channels = settings.pop("size", None), settings.pop("in_channels", None)
    recordings = {name: settings.pop(name) for name in recordings_in(settings) if name != TIMESTEPS}
    chosen = Options.from_dict(settings)
    _check_targets(path, out, json)
    wanted = check_threads(threads)
    require(chosen.method == EXACT or not check, "verify", chosen.method, BITS)
    own = given_own(model, model_options)
    trained, classes = open_source(path, own)
    if chosen.precision == "double":
        trained = trained.double()
    data = open_data(path, chosen.data, chosen.data_dir, size, channels, recordings, chosen.split)
    check_fit(trained, data)
    part = chosen.part(data)
    number = threads_for(step_work(trained, min(COUNTED, len(part)), data.image_size), wanted)
    with computing_in(number):
        with suggest_retraining(path, trained, data_flags(data), rates=chosen.method != EXACT):
            spiking = chosen.convert(trained, data)
        if out is not None:
            require_named(spiking, own)  # before anything is measured
        require(spiking.how.exact or not check, "verify", f"{chosen.method}, {spiking.timesteps} time steps", BITS)
        shown = progress and console.is_terminal
        scores = [score(network, part, progress=shown, threads=number) for network in (trained, spiking)]
        counts = count_operations(spiking, part.floats(slice(COUNTED)))
        verification = verify(trained, spiking, part, progress=shown) if check else None
    name = f"{path} on {data.name}, {chosen.split}: {chosen.method}, {spiking.timesteps} time steps"
    _score_table(name, *scores)
    _operation_table(*counts, images=min(COUNTED, len(part)))
    if verification is not None:
        _verification_table(verification)
    if out is not None:
        save_spiking(spiking, out, classes, factory=own)
        console.print(f"spiking network: {out}")
    source, converted = (
        {**one.to_dict(), "operations": spent.to_dict()} for one, spent in zip(scores, counts, strict=True)
    )
    result = {
        "path": str(path),
        "data": data.name,
        "split": chosen.split,
        "images": len(part),
        "method": chosen.method,
        "timesteps": spiking.timesteps,
        "precision": chosen.precision,
        "order": chosen.order,
        "conversion": spiking.how.to_dict(),
        "source": source,
        "spiking": converted,
        "verification": None if verification is None else verification.to_dict(),
    }
    write_json(json, result)
    if verification is not None and chosen.precision == "double" and not verification.exact:
        raise typer.Exit(NOT_EXACT)


def _check_targets(path: Path, out: Path | None, json: Path | None) -> None:
    """Raise ConfigError where a file to be written cannot be, is the other one or is the network itself."""
    check_files(out=out, json=json)
    network = model_file(path).resolve()
    for name, target in (("out", out), ("json", json)):
        other = target is None or target.resolve() != network
        require(other, name, str(target), "another file than the network that is converted")
    require(out is None or out.suffix == SUFFIX, "out", str(out), f"a name that ends on {SUFFIX}")


def _score_table(title: str, source: Score, spiking: Score) -> None:
    """Print accuracies and spikes of both networks."""
    pair = (source, spiking)
    rows = [
        ("images", *(f"{one.images:,}" for one in pair)),
        ("accuracy", *(f"{one.accuracy:.2%}" for one in pair)),
        ("spikes per neuron", *("-" if math.isnan(one.spikes) else f"{one.spikes:.3f}" for one in pair)),
    ]
    table(title, ("", "source", "spiking"), rows)


def _operation_table(source: OperationCount, spiking: OperationCount, images: int) -> None:
    """Print operations per image and what they cost."""
    rows = [
        (name.replace("_", "-"), f"{source.total(name):,.0f}", f"{spiking.total(name):,.0f}", "") for name in OPERATIONS
    ]
    for name in ENERGY_MODELS:
        ours, theirs = spiking.energy(name) / PICOJOULES, source.energy(name) / PICOJOULES
        rows.append((f"energy, {name} (nJ)", f"{theirs:,.1f}", f"{ours:,.1f}", f"{theirs / ours:.2f}"))
    columns = ("per image", "source", "spiking", "source / spiking")
    table(f"operations and energy, means over {counted(images, 'image')}", columns, rows)


def _verification_table(verification: Verification) -> None:
    """Print the bits of every layer, and in one line what they come to."""
    rows = [
        (layer.layer, f"{layer.neurons:,}", f"{layer.bits:,}", f"{layer.mismatches:,}", f"{layer.spikes:.3f}")
        for layer in verification.layers
    ]
    columns = ("layer", "neurons", "bits", "differ", "spikes per neuron")
    table(f"spikes beside bits, {counted(verification.images, 'image')}", columns, rows)
    console.print(str(verification))
    if not verification.exact and verification.precision != "float64":
        console.print(
            f"bits that differ first lie within {verification.edge:.1g} levels of an edge, where rounding decides; "
            "--precision double leaves none there"
        )
