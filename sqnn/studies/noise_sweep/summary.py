"""What a sweep's rows come to: mean accuracies and how sure they are."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd
from scipy.special import stdtrit  # type: ignore[import-untyped]

CONFIDENCE = 0.95
Z_95 = 1.959963984540054
"""Quantile (1 + 0.95) / 2 of the standard normal distribution."""

LINE = ["data", "split", "images", "train_noise", "parameters_total", "parameters_quantum", "engine", "shots"]
"""What belongs on one line: networks that differ in one of these are no repetitions of each other."""


def summarise_sweep(frame: pd.DataFrame) -> pd.DataFrame:
    """Return one row a noise, line and strength: mean accuracy and loss, and a 95 % interval of the accuracy.

    Several networks: mean +- t s / sqrt(n) over the networks, each network's draws averaged first. One network and
    several draws: the same over the draws, which is the uncertainty of the shots alone. One number: the Wilson
    interval for the number of images. Columns: noise, LINE, strength, networks, measurements, accuracy, low, high,
    loss, over (networks, draws or images). Accuracies are fractions; order as in the frame.
    """
    rows = []
    for names, part in frame.groupby(["noise", *LINE, "strength"], sort=False, dropna=False):
        networks = part.groupby("fingerprint", sort=False).accuracy.mean().astype(float).tolist()
        accuracies = part.accuracy.astype(float).tolist()
        if len(networks) > 1:
            over, (low, high) = "networks", t_interval(networks)
        elif len(accuracies) > 1:
            over, (low, high) = "draws", t_interval(accuracies)
        else:
            over, (low, high) = "images", wilson_interval(accuracies[0], int(part.images.iloc[0]))
        rows.append(
            {
                **dict(zip(["noise", *LINE, "strength"], names, strict=True)),
                "networks": len(networks),
                "measurements": len(part),
                "accuracy": math.fsum(networks) / len(networks),
                "low": low,
                "high": high,
                "loss": float(part.groupby("fingerprint", sort=False).loss.mean().mean()),
                "over": over,
            }
        )
    columns = ["noise", *LINE, "strength", "networks", "measurements", "accuracy", "low", "high", "loss", "over"]
    return pd.DataFrame(rows, columns=columns)


def line_names(summary: pd.DataFrame) -> pd.Series:
    """Return for each row the name of its line: the engine, and whatever else tells the lines apart."""
    several = {name for name in LINE if summary[name].nunique(dropna=False) > 1}

    def named(row: pd.Series) -> str:
        words = [str(row.engine)]
        if "shots" in several or not pd.isna(row.shots):
            words.append("exact" if pd.isna(row.shots) else f"{int(row.shots):,} shots")
        if "train_noise" in several:
            noisy = row.train_noise not in ("", "none")
            words.append(f"trained with {row.train_noise}" if noisy else "trained without noise")
        if several & {"data", "split", "images"}:
            words.append(f"{row.images:,} {row.split} images of {row.data}")
        if several & {"parameters_total", "parameters_quantum"}:
            words.append(f"{int(row.parameters_total):,} parameters ({int(row.parameters_quantum):,} quantum)")
        return ", ".join(words)

    return pd.Series([named(row) for _, row in summary.iterrows()], index=summary.index, dtype="str")


def t_interval(values: Sequence[float]) -> tuple[float, float]:
    """Return the 95 % interval of a mean by Student's t, mean -+ t(n - 1) s / sqrt(n), within [0, 1]."""
    n = len(values)
    mean = math.fsum(values) / n
    deviation = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (n - 1))
    half = float(stdtrit(n - 1, (1 + CONFIDENCE) / 2)) * deviation / math.sqrt(n)
    return max(mean - half, 0.0), min(mean + half, 1.0)


def wilson_interval(fraction: float, n: int) -> tuple[float, float]:
    """Return the 95 % interval of a proportion seen in n trials; it stays within [0, 1] and has a width at 0 and 1.

    (p + z^2 / 2n -+ z sqrt(p (1 - p) / n + z^2 / 4n^2)) / (1 + z^2 / n). Source: Wilson, J. Am. Stat. Assoc. 22, 209
    (1927).
    """
    square = Z_95**2 / n
    centre = (fraction + square / 2) / (1 + square)
    half = Z_95 * math.sqrt(fraction * (1 - fraction) / n + square / (4 * n)) / (1 + square)
    return max(centre - half, 0.0), min(centre + half, 1.0)
