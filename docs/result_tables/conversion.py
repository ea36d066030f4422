"""Conversion into spikes: exactness, accuracy, speed, fewer spikes."""

from __future__ import annotations

import pandas as pd

from result_tables.base import markdown, number, percent, rows, table
from result_tables.networks import accuracy

IMAGES = {
    28: "28 pixels: 1,000 of MNIST's test images",
    32: "32 pixels: 1,000 of CIFAR-10's",
    224: "224 pixels: 64 of CIFAR-10's, enlarged",
}
EXACTNESS = "sqnn bench exactness --data-dir DIR"


def exact_rows(precision: str) -> pd.DataFrame:
    """Return the rows of the proof in one precision."""
    frame = rows("conversion-exactness")
    return frame[frame.precision == precision]


@table("exactness", "conversion-exactness", EXACTNESS)
def exactness() -> str:
    """Bits compared and bits that differ."""
    double, single = exact_rows("float64"), exact_rows("float32")
    sizes = double.groupby("pixels")[["bits", "mismatches"]].sum()
    body = [[f"{IMAGES[int(n)]}", f"{row.bits:,}", f"{row.mismatches:,}"] for n, row in sizes.iterrows()]
    total = f"{single.bits.sum():,}", f"{single.mismatches.sum():,}"
    return markdown(
        ["images", "bits compared", "differ"],
        [*body, ["32 pixels, single precision, T = 4, trained weights", *total]],
    )


@number("bits")
def bits() -> str:
    """Bits that differ, of all in double precision."""
    double = exact_rows("float64")
    return f"{double.mismatches.sum():,} of {double.bits.sum():,}"


@number("exactness-changed")
def exactness_changed() -> str:
    """Predictions changed and the largest difference of an output, in double precision."""
    double = exact_rows("float64")
    return f"{double.changed.sum():.0f} predictions changed, outputs agree to {double.output_difference.max():.1e}"


METHODS = {
    "exact": "exact, most significant planes",
    "qcfs-rate": "rate, learned thresholds (QCFS)",
    "percentile": "rate, 99.9th percentile",
    "max": "rate, largest activation",
}


@table("conversion-steps", "conversion-cifar10", "sqnn study conversion run --data-dir DIR --images 2000")
def conversion_steps() -> str:
    """Accuracy against time steps, by method."""
    frame = rows("conversion-cifar10")
    times = (1, 2, 3, 4, 8, 16, 32)
    body = []
    for method, title in METHODS.items():
        values = frame[frame.method == method].set_index("timesteps").accuracy
        body.append([title, *(percent(values[t]) if t in values else "" for t in times)])
    return markdown(["time steps", *map(str, times)], body)


@table("ablation", "conversion-cifar10", "sqnn study conversion run --data-dir DIR --images 2000")
def ablation() -> str:
    """Accuracy without each of the three components."""
    frame = rows("conversion-cifar10")
    names = ("plane_weights", "bias_shift", "postponed")
    parts = frame[frame.method.isin(["ablation"]) | ((frame.method == "exact") & frame.timesteps.isin([2, 4]))]
    kept = {
        combination: part.set_index("timesteps").accuracy
        for combination, part in parts.groupby(parts.parts.fillna(""), sort=False)
    }
    order = sorted(kept, key=lambda text: [name not in text.split("+") for name in names])
    body = [
        [
            *("yes" if name in combination.split("+") else "no" for name in names),
            *(percent(kept[combination][t]) if t in kept[combination] else "" for t in (2, 4)),
        ]
        for combination in order
    ]
    return markdown(
        ["spikes as bit planes", "bias split over the steps", "neurons wait for all input", "T = 2", "T = 4"], body
    )


@table("all-images", "conversion-all-images", "sqnn convert run --verify --precision double")
def all_images() -> str:
    """The proof on all test images of trained networks."""
    return markdown(
        ["network", "data", "weights", "precision, order", "bits compared", "differ", "predictions changed"],
        [
            [
                f"`{row.network}`",
                row.data,
                row.weights,
                f"{'double' if row.precision == 'float64' else 'single'}, "
                f"{'fused' if row.order == 'fused' else 'layer by layer'}",
                f"{row.bits:,}",
                f"{row.mismatches:,}",
                str(row.changed),
            ]
            for row in rows("conversion-all-images").itertuples()
        ],
    )


PASSES = {
    "source": "source network",
    "fused": "exact, fused (the source's own layers)",
    "layer by layer": "exact, layer by layer",
    "layer by layer, folded norms": "exact, layer by layer, batch norms folded",
    "spikingjelly": "SpikingJelly 0.0.0.0.14, its converter, 4 steps",
}


def passes(source: str) -> str:
    """Return the forward passes of one benchmark as a table."""
    return markdown(
        ["forward pass", "ms", "ratio", "peak memory"],
        [
            [PASSES.get(name, name), f"{ms:.1f}", f"{ratio:.2f}", f"{peak:.1f} MiB"]
            for name, ms, ratio, peak in rows(source)[["name", "milliseconds", "ratio", "peak_mib"]].itertuples(
                index=False
            )
        ],
    )


@table("conversion-speed", "conversion-cpu", "OMP_NUM_THREADS=1 sqnn bench conversion")
def conversion_speed() -> str:
    """Forward passes on one thread."""
    return passes("conversion-cpu")


@table("conversion-speed-2", "conversion-cpu-2-threads", "OMP_NUM_THREADS=2 sqnn bench conversion")
def conversion_speed_two() -> str:
    """Forward passes on two threads."""
    return passes("conversion-cpu-2-threads")


@table("penalty", "conversion-penalty", "sqnn train ... --init qcfs --epochs 4 --bit-penalty 0.2")
def penalty() -> str:
    """Accuracy and spikes per neuron under the penalty on bits."""
    frame = rows("conversion-penalty")
    body = []
    for (epochs, weight), part in frame.groupby(["epochs", "bit_penalty"], dropna=False, sort=False):
        title = f"{epochs} epochs" if pd.isna(weight) else f"{epochs} epochs, `--bit-penalty {weight:g}`"
        cells = {row.seed: f"{percent(row.accuracy)}, {row.spikes:.3f}" for row in part.itertuples()}
        body.append([title, *(cells.get(seed, "") for seed in (0, 1, 2))])
    return markdown(["accuracy, spikes per neuron", "seed 0", "seed 1", "seed 2"], body)


@table("fine-tuning", "accuracy-mnist", "sqnn train --model resnet20 ... --init relu --epochs 1 --learning-rate 0.02")
def fine_tuning() -> str:
    """From a trained ReLU network."""
    narrow = "--width-multiplier 0.25"
    settings = {
        "ReLU, 10 epochs": (narrow, 10),
        "then QCFS, 1 epoch": (f"{narrow} --activation qcfs --init relu --learning-rate 0.02", 1),
        "QCFS from scratch, 10 epochs": (f"{narrow} --activation qcfs", 10),
    }
    body = [
        [title, *map(percent, accuracy("resnet20", "mnist", options, epochs).test_accuracy)]
        for title, (options, epochs) in settings.items()
    ]
    return markdown(["test accuracy", "seed 0", "seed 1", "seed 2"], body)
