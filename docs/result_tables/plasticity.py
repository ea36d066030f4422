"""Learning rules of the spiking perceptron, from the rows of `sqnn study plasticity` and `sqnn bench plasticity`."""

from __future__ import annotations

import pandas as pd

from result_tables.base import bold, markdown, percent, rows, table
from sqnn.metrics import ENERGY_MODELS
from sqnn.studies import PlasticityStudy

STUDY = (
    "sqnn study plasticity --data mnist --data-dir DIR --epochs 12 --augmentation shift --shift 1 "
    "--variants {} --seeds 3"
)
NOISY = (
    "sqnn study plasticity --data mnist --data-dir DIR --epochs 5 --augmentation shift --shift 1 --pixel-noise 0.3 "
    "--variants backprop --seeds 3"
)
ACCUMULATE = ENERGY_MODELS["mac-ac"].accumulates
SHOWN = ("3", "5", "8", "15", "last", "confidence 0.9", "confidence 0.95", "confidence 0.99")


def summary(name: str = "plasticity-mnist") -> pd.DataFrame:
    """Return what the rows of a study say in short."""
    frame = rows(name).sort_values("variant", kind="stable")
    return PlasticityStudy.summary(frame.assign(failure="", noise=frame.noise.fillna("none")))


def command() -> str:
    """Return the command that makes the rows."""
    variants = sorted(set(rows("plasticity-mnist").variant))
    return STUDY.format(",".join(variants))


def spread(line: dict[str, float]) -> str:
    """Return the mean and the range over the seeds."""
    return f"{bold(percent(line['mean']))}, {percent(line['least'])} to {percent(line['largest'])}"


@table("plasticity-rules", "plasticity-mnist", command)
def rules() -> str:
    """Accuracy and hidden spikes of each rule after the last step."""
    frame = summary()
    last = frame[(frame["read"] == "last") & (frame["noise"] == "none")]
    return markdown(
        ["rule", "trainings", "test accuracy", "hidden spikes per image", "of backprop's", "95 % by epoch"],
        [
            [
                line["variant"],
                str(line["n"]),
                spread(line),
                f"{line['hidden_spikes']:,.0f}",
                percent(line["share_of_spikes"], 0),
                f"{line['epoch_of_95']:.0f}",
            ]
            for line in last.to_dict("records")
        ],
    )


@table("plasticity-early", "plasticity-mnist", command)
def early() -> str:
    """Accuracy, steps and energy where the answer is read early."""
    frame = summary()
    chosen = frame[frame["read"].isin(SHOWN) & (frame["noise"] == "none")]
    return markdown(
        ["rule", "read after", "steps", "test accuracy", "accumulates per image", "energy (nJ)"],
        [
            [
                line["variant"],
                f"step {line['read']}" if line["read"].isdigit() else line["read"].replace("last", "the last step"),
                f"{line['steps']:.1f}",
                spread(line),
                f"{line['accumulates']:,.0f}",
                f"{line['accumulates'] * ACCUMULATE / 1000:,.0f}",
            ]
            for line in chosen.to_dict("records")
        ],
    )


def under_noise(frame: pd.DataFrame, clean: bool) -> str:
    """Return the accuracies after the last step by convention of noise, perhaps with those without any."""
    noisy = frame[(frame["read"] == "last") & ((frame["noise"] != "none") | clean)]
    return markdown(
        ["rule", "noise", "test accuracy"],
        [[line["variant"], line["noise"].replace(":", ", sigma "), spread(line)] for line in noisy.to_dict("records")],
    )


@table("plasticity-noise", "plasticity-mnist", command)
def noise() -> str:
    """Accuracy under noise of networks that have seen none."""
    return under_noise(summary(), clean=False)


@table("plasticity-noisy", "plasticity-noisy", NOISY)
def noisy() -> str:
    """Accuracy under noise of networks that were trained with it."""
    return under_noise(summary("plasticity-noisy"), clean=True)


@table("plasticity-cost", "plasticity-cpu", "sqnn bench plasticity --threads 1")
def cost() -> str:
    """Time of a training step with each coupling, and of window updates."""
    return markdown(
        ["", "", "ms", "ratio"],
        [
            [line["task"], line["name"], f"{line['milliseconds']:,.1f}", f"{line['ratio']:.2f}"]
            for line in rows("plasticity-cpu").to_dict("records")
        ],
    )


FRONT_END = (
    "sqnn train --data mnist --data-dir DIR --batch-size 128 --learning-rate 0.015 --epochs 12 --threads 1 --seed N "
    "[--rule hybrid --rule-options largest_rate=1.0 [--rule-options a_plus=1.0 --rule-options a_minus=1.0]]"
)


@table("plasticity-front-end", "plasticity-front-end", FRONT_END)
def front_end() -> str:
    """Accuracy and spikes of the spiking-quantum network with STDP of each sign on its front-end."""
    frame = rows("plasticity-front-end")
    frame["spikes"] = frame.filter(like="spikes_").sum(axis=1)
    lines = []
    for sign, part in frame.groupby("sign", sort=False):
        accuracy, fired = part.test_accuracy, part.spikes
        lines.append(
            [
                str(sign),
                str(len(part)),
                f"{bold(percent(accuracy.mean()))}, {percent(accuracy.min())} to {percent(accuracy.max())}",
                f"{fired.mean():,.0f}, {fired.min():,.0f} to {fired.max():,.0f}",
            ]
        )
    return markdown(
        ["STDP beside the gradient", "trainings", "test accuracy", "spikes of the front-end per image"], lines
    )
