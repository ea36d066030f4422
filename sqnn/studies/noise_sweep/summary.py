"""Means and 95 % intervals of a noise sweep."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, cast

from sqnn.core import counted
from sqnn.metrics import wilson_interval
from sqnn.studies.runner import BANDS, t_interval

if TYPE_CHECKING:
    import pandas as pd
    from pandas._typing import Scalar

LINE = ["data", "split", "images", "train_noise", "parameters_total", "parameters_quantum", "engine", "shots"]
"""What belongs on one line: networks that differ in one of these are no repetitions of each other."""


def summarise_sweep(frame: pd.DataFrame, bands: str = "t") -> pd.DataFrame:
    """Return mean accuracy and loss by noise, line and strength, and a 95 % interval of the accuracy.

    Several networks: mean +- t s / sqrt(n) over the networks, each network's draws averaged first. One network and
    several draws: the same over the draws, which is the uncertainty of the shots alone. One number: the Wilson
    interval for the number of images. Other `bands` give `low` and `high` another meaning: mean -+ standard deviation
    (std), least and largest (range), the mean itself (none, and where there is one number).

    Columns: noise, LINE, strength, networks, measurements, accuracy, low, high, loss, over (networks, draws or images),
    model (the network's name, or how many they are), line (see `line_names`). Accuracies are fractions; order as in
    the frame.
    """
    import pandas as pd

    BANDS.pick(bands)
    names_of = {}
    for names, models in frame.groupby(LINE, sort=False, dropna=False).model:
        several = models.nunique()
        names_of[line_key(names)] = str(models.iloc[0]) if several == 1 else f"{several} networks"
    rows = []
    for names, part in frame.groupby(["noise", *LINE, "strength"], sort=False, dropna=False):
        networks = part.groupby("fingerprint", sort=False).accuracy.mean().astype(float).tolist()
        accuracies = part.accuracy.astype(float).tolist()
        over, values = ("networks", networks) if len(networks) > 1 else ("draws", accuracies)
        if len(values) == 1:
            over = "images"
        mean = math.fsum(networks) / len(networks)
        low, high = _band(values, mean, bands, int(part.images.iloc[0]))
        rows.append(
            {
                **dict(zip(["noise", *LINE, "strength"], names, strict=True)),
                "networks": len(networks),
                "measurements": len(part),
                "accuracy": mean,
                "low": low,
                "high": high,
                "loss": float(part.groupby("fingerprint", sort=False).loss.mean().mean()),
                "over": over,
                "model": names_of[line_key(names[1:-1])],
            }
        )
    columns = ["networks", "measurements", "accuracy", "low", "high", "loss", "over", "model"]
    summary = pd.DataFrame(rows, columns=["noise", *LINE, "strength", *columns])
    return summary.assign(line=line_names(summary))


def line_names(summary: pd.DataFrame) -> pd.Series:
    """Return the name of each row's line: what distinguishes the lines, or else the network."""
    import pandas as pd

    several = {name for name in LINE if summary[name].nunique(dropna=False) > 1}

    def named(row: pd.Series) -> str:
        words = [str(row.engine)] if "engine" in several else []
        if "shots" in several or not pd.isna(row.shots):
            words.append("exact" if pd.isna(row.shots) else f"{int(row.shots):,} shots")
        if "train_noise" in several:
            noisy = row.train_noise not in ("", "none")
            words.append(f"trained with {row.train_noise}" if noisy else "trained without noise")
        if several & {"data", "split", "images"}:
            words.append(f"{counted(row.images, f'{row.split} image')} of {row.data}")
        if several & {"parameters_total", "parameters_quantum"}:
            words.append(f"{int(row.parameters_total):,} parameters ({int(row.parameters_quantum):,} quantum)")
        return ", ".join(words) or str(row.model)

    return pd.Series([named(row) for _, row in summary.iterrows()], index=summary.index, dtype="str")


def _band(values: Sequence[float], mean: float, bands: str, images: int) -> tuple[float, float]:
    if bands == "t":
        return t_interval(values) if len(values) > 1 else wilson_interval(values[0], images)
    if bands == "none" or len(values) == 1:
        return mean, mean
    if bands == "range":
        return min(values), max(values)
    deviation = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1))
    return mean - deviation, mean + deviation


def line_key(line: Iterable[object]) -> tuple[str, ...]:
    """Return a line's values as texts, missing ones alike."""
    import pandas as pd

    return tuple("" if pd.isna(cast("Scalar", value)) else str(value) for value in line)
