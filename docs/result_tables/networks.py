"""Accuracy of trained networks, and the speed of layer-wise hybrids."""

from __future__ import annotations

import pandas as pd

from result_tables.base import bold, markdown, number, percent, rows, table


def accuracy(network: str, data: str, options: str | None, epochs: int, note: bool = False) -> pd.DataFrame:
    """Return the runs of one network with these options; those with a note only where asked for."""
    frame = rows(f"accuracy-{data}")
    own = frame.options.isna() if options is None else frame.options == options
    return frame[
        (frame.network == network) & own & (frame.epochs == epochs) & (frame.note.notna() == note)
    ].sort_values("seed")


def seeds(frame: pd.DataFrame, column: str = "test_accuracy") -> list[str]:
    """Return the values over the seeds, then their mean."""
    return [*map(percent, frame[column]), bold(percent(frame[column].mean()))]


@table("sqdr-mnist", "accuracy-mnist", "sqnn train --recipe paper --data-dir DIR --seed 0")
def sqdr_mnist() -> str:
    """Accuracy over three seeds."""
    runs = accuracy("sqdr-cnn", "mnist", None, 12)
    return markdown(
        ["seed", *map(str, runs.seed), "mean"],
        [["validation accuracy", *seeds(runs, "validation_accuracy")], ["test accuracy", *seeds(runs)]],
    )


@table("sqdr-digits", "accuracy-digits", "sqnn train --recipe paper --data digits --epochs 60 --batch-size 32 --seed 0")
def sqdr_digits() -> str:
    """Every run on the digits, one line each."""
    frame = rows("accuracy-digits")
    return markdown(
        ["seed", "threads", "epochs", "options", "validation", "test", "commit", "note"],
        [
            [
                str(row.seed),
                "not recorded" if pd.isna(row.threads) else f"{row.threads:g}",
                str(row.epochs),
                f"`{row.options}`" if isinstance(row.options, str) else "",
                percent(row.validation_accuracy),
                percent(row.test_accuracy),
                row.commit if isinstance(row.commit, str) else "not recorded",
                row.note if isinstance(row.note, str) else "",
            ]
            for row in frame.itertuples()
        ],
    )


VARIANTS = {
    "hybrid": ("--variant hybrid", "hybrid"),
    "ann": ("--variant ann", "ann: ordinary branches only"),
    "snn": ("--variant snn --decoding weight", "snn: spikes from the image to the classifier"),
}


@table(
    "layerwise-mnist",
    "accuracy-mnist",
    "sqnn train --model has8-vgg --variant hybrid --data mnist --data-dir DIR --epochs 3 --seed 0",
)
def layerwise_mnist() -> str:
    """The hybrid and its twins over three seeds."""
    body = []
    for options, title in VARIANTS.values():
        runs = accuracy("has8-vgg", "mnist", options, 3)
        first = runs.iloc[0]
        body.append([title, f"{first.parameters:,.0f} ({first.parameters_spiking:,.0f})", *seeds(runs)])
    return markdown(["network", "parameters (spiking)", "seed 0", "seed 1", "seed 2", "mean"], body)


@number("layerwise-means")
def layerwise_means() -> str:
    """Means of the hybrid and its twins."""
    means = {name: accuracy("has8-vgg", "mnist", options, 3).test_accuracy for name, (options, _) in VARIANTS.items()}
    return ", ".join(f"{name} {percent(values.mean())}" for name, values in means.items())


@table("layerwise-steps", "hybrid-cpu", "OMP_NUM_THREADS=1 sqnn bench hybrid")
def layerwise_steps() -> str:
    """Training steps of the hybrid and its twins."""
    frame = rows("hybrid-cpu")
    steps = frame[(frame.task == "training step") & frame.milliseconds.notna()]
    return markdown(
        ["training step", "ms", "ratio", "peak memory"],
        [
            [row.name_, f"{row.milliseconds:.0f}", f"{row.ratio:.1f}", f"{row.peak_mib:.0f} MiB"]
            for row in steps.rename(columns={"name": "name_"}).itertuples()
        ],
    )


@table("layerwise-blocks", "hybrid-cpu", "OMP_NUM_THREADS=1 sqnn bench hybrid")
def layerwise_blocks() -> str:
    """Fusion blocks beside the published code, at the same surrogate."""
    frame = rows("hybrid-cpu")
    blocks = frame[(frame.task == "fusion block") & frame.milliseconds.notna()]
    body = []
    for (name, surrogate), pair in blocks.groupby([blocks.name.str.split(",").str[0], "surrogate"], sort=False):
        ours, peer = pair.iloc[0], pair.iloc[1]
        body.append(
            [
                f"{name}, {ours.inputs} to {ours.outputs}",
                str(surrogate),
                f"{ours.milliseconds:.0f} ms",
                f"{peer.milliseconds:.0f} ms",
                bold(f"{peer.milliseconds / ours.milliseconds:.1f}"),
                f"{ours.peak_mib:.0f} / {peer.peak_mib:.0f} MiB",
            ]
        )
    return markdown(["block", "surrogate", "ours", "published code", "ratio", "peak memory, ours / theirs"], body)


@table("encoders", "hybrid-encoders-digits", "sqnn study encoders")
def encoders() -> str:
    """Test accuracy of every surrogate and rescaling."""
    frame = rows("hybrid-encoders-digits")
    summary = frame.groupby(["surrogate", "rescaling", "variant"], dropna=False, sort=False).test_accuracy.agg(
        ["mean", "std"]
    )
    shown = {key: f"{100 * row['mean']:.2f} ± {100 * row['std']:.2f}" for key, row in summary.iterrows()}
    body, seen = [], set()
    for surrogate, rescaling, variant in shown:
        if variant == "no-snn":
            body.append(["no spiking branch (`no-snn`)", "", shown[surrogate, rescaling, variant], ""])
        elif (surrogate, rescaling) not in seen:
            seen.add((surrogate, rescaling))
            values = [shown.get((surrogate, rescaling, kind), "") for kind in ("hybrid", "no-ann")]
            plain_name = surrogate in ("straight-through", "detached")
            body.append([str(surrogate), "" if plain_name else str(rescaling), *values])
    return markdown(["surrogate", "rescaling", "hybrid", "without ordinary branches (`no-ann`)"], body)
