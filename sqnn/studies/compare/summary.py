"""Means, ranges and costs of each network of a comparison, and the tables that the command prints of them."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sqnn.core import ConfigError, counted
from sqnn.studies.runner.intervals import t_interval
from sqnn.studies.runner.study import Panel

if TYPE_CHECKING:
    import pandas as pd

CONDITION = ["data", "train_images", "noise"]
"""What networks are compared under."""
SIZES = ("parameters", "spiking", "quantum", "classical")
COSTS = ("accumulates", "multiply_accumulates", "energy", "seconds")
Lines = tuple[Sequence[str], Sequence[Sequence[str]]]
"""The columns and the lines of a table."""
TRAINED = ("epochs", "batch_size", "learning_rate", "weight_decay", "tries")


def summarise(rows: pd.DataFrame) -> pd.DataFrame:
    """Return one row per network and condition: its size, test accuracy over the seeds, costs and training.

    Columns: data, train_images, noise, model; budget, parameters, spiking, quantum, classical, effective (median over
    the seeds); n (trainings with an accuracy), mean, std (of the sample; nan for one), least and largest, low and high
    (95 % interval of the mean by Student's t; nan for one), validation (mean), failed (trainings without an accuracy);
    accumulates, multiply_accumulates, energy (pJ) and seconds (means); epochs, batch_size, learning_rate, weight_decay
    and tries.
    """
    import pandas as pd

    lines = []
    for names, part in rows.groupby([*CONDITION, "model"], sort=False):
        first, values = part.iloc[0], part.test_accuracy.dropna()
        low, high = t_interval(list(values)) if len(values) > 1 else (math.nan, math.nan)
        ranks = part.effective.dropna()
        lines.append(
            {
                **dict(zip([*CONDITION, "model"], names, strict=True)),
                "budget": first.budget,
                **{name: first[name] for name in SIZES},
                "effective": float(ranks.median()) if len(ranks) else math.nan,
                "n": len(values),
                "mean": float(values.mean()),
                "std": float(values.std(ddof=1)),
                "least": float(values.min()),
                "largest": float(values.max()),
                "low": low,
                "high": high,
                "validation": float(part.validation_accuracy.mean()),
                "failed": len(part) - len(values),
                **{name: float(part[name].mean()) for name in COSTS},
                **{name: first[name] for name in TRAINED},
            }
        )
    return pd.DataFrame(lines)


def report(rows: pd.DataFrame) -> Iterator[Panel | str]:
    """Yield accuracies, costs, paired tests and settings on each part of each image set, accuracies under noise, and
    the trainings that failed or collapsed.
    """
    for (data, images), part in summarise(rows).groupby(["data", "train_images"], sort=False):
        under = f"{data}, {images:,} training images"
        clean = part[part.noise == 0]
        yield Panel(f"{under}: test accuracy (%), {counted(int(clean.n.max()), 'seed')}", *_accuracies(clean))
        asked = rows[(rows.data == data) & (rows.train_images == images) & (rows.noise == 0)]
        yield from _tests(asked, under)
        yield Panel(f"{under}: what each was trained with", *_settings(clean))
        if part.noise.nunique() > 1:
            yield Panel(f"{under}: test accuracy (%) by the standard deviation of the noise", *_under_noise(part))
    for row in rows[(rows.failure != "") & (rows.noise == 0)].to_dict("records"):
        yield f"{row['model']} on {row['data']}, {row['train_images']:,} images, seed {row['seed']}: {row['failure']}"


def _accuracies(part: pd.DataFrame) -> Lines:
    columns = ("network", "parameters", "effective", "accuracy", "range", "nJ", "s")
    lines = [
        (
            row["model"],
            f"{row['parameters']:,}",
            _number(row["effective"], ",.0f"),
            _mean(row),
            f"{_percent(row['least'])} to {_percent(row['largest'])}",
            _number(row["energy"] / 1e3, ",.3g"),
            _number(row["seconds"], ",.1f"),
        )
        for row in part.to_dict("records")
    ]
    return columns, lines


def _settings(part: pd.DataFrame) -> Lines:
    columns = ("network", "rate", "decay", "epochs", "batch", "tries", "validation")
    lines = [
        (
            row["model"],
            *(f"{row[name]:.3g}" for name in ("learning_rate", "weight_decay")),
            *(f"{row[name]:,}" for name in ("epochs", "batch_size", "tries")),
            _percent(row["validation"]),
        )
        for row in part.to_dict("records")
    ]
    return columns, lines


def _under_noise(part: pd.DataFrame) -> Lines:
    levels = sorted(part.noise.unique())
    means = {(row["model"], row["noise"]): _mean(row) for row in part.to_dict("records")}
    lines = [
        (model, *(means.get((model, noise), "-") for noise in levels)) for model in dict.fromkeys(map(str, part.model))
    ]
    return ("network", *(f"{noise:g}" for noise in levels)), lines


def _tests(rows: pd.DataFrame, under: str) -> Iterator[Panel | str]:
    """Yield the paired tests of all pairs of networks, where there are two and seeds enough."""
    from sqnn.studies.compare.significance import paired_tests

    if rows.model.nunique() < 2 or rows.seed.nunique() < 2:
        return
    try:
        tests = paired_tests(rows)
    except ConfigError as error:
        yield f"{under}: no paired tests: {error}"
        return
    columns = ("first", "second", "difference", "95 %", "p", "p corrected", "effect size", "pairs")
    lines = [
        (
            row["first"],
            row["second"],
            f"{100 * row['difference']:+.2f}",
            f"{100 * row['low']:+.2f} to {100 * row['high']:+.2f}",
            *(_number(row[name], ".2g") for name in ("p", "p_corrected", "effect_size")),
            str(row["pairs"]),
        )
        for row in tests.to_dict("records")
    ]
    yield Panel(f"{under}: first minus second over {counted(rows.seed.nunique(), 'seed')}", columns, lines)


def _mean(row: Mapping[Hashable, Any]) -> str:
    return _percent(row["mean"]) + (f" ± {_percent(row['std'])}" if row["n"] > 1 else "")


def _percent(value: float) -> str:
    return _number(100 * value, ".2f")


def _number(value: float, form: str) -> str:
    return "-" if value != value else format(value, form)
