"""Means, ranges and costs of each network of a comparison, and the tables that the command prints of them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from sqnn.core import ConfigError, counted
from sqnn.models import PARTS
from sqnn.studies.compare.significance import CONDITION, paired_tests, unpaired
from sqnn.studies.compare.tables import PERCENT, accuracy_words, paper_table, tests_table, to_latex, to_markdown
from sqnn.studies.runner import Panel, t_interval

if TYPE_CHECKING:
    import pandas as pd

SIZES = ("parameters", *PARTS)
COSTS = ("accumulates", "multiply_accumulates", "energy", "seconds")
TRAINED = ("epochs", "batch_size", "learning_rate", "weight_decay", "tries")
COLUMN_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "model": "network",
        "batch_size": "batch",
        "learning_rate": "rate",
        "weight_decay": "decay",
        "validation": "validation (%)",
    }
)
"""What columns are called in a narrow table."""


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


def report(rows: pd.DataFrame, against: str | None = None) -> Iterator[Panel | str]:
    """Yield accuracies, costs, paired tests and settings on each part of each image set, accuracies under noise, and
    the trainings that failed or collapsed, or are missing.
    """
    tests, problem = _tests(rows, against)
    if problem:
        yield f"no paired tests: {problem}"
    yield from unpaired(rows[rows.noise == 0])
    for (data, images), part in rows.groupby(["data", "train_images"], sort=False):
        under = f"{data}, {images:,} training images"
        clean, summary = part[part.noise == 0], summarise(part)
        table = paper_table(clean).drop(columns=["n", *SIZES[1:]], errors="ignore")
        yield _panel(f"{under}, {counted(clean.seed.nunique(), 'seed')}", table)
        own = tests[(tests.data == data) & (tests.train_images == images)]
        if len(own):
            yield _panel(f"{under}: test accuracy in pairs of the same seed", tests_table(own))
        yield _panel(f"{under}: what each was trained with", _settings(summary[summary.noise == 0]))
        if part.noise.nunique() > 1:
            yield _panel(f"{under}: test accuracy (%) by the standard deviation of the noise", _under_noise(part))
    for row in rows[(rows.failure != "") & (rows.noise == 0)].to_dict("records"):
        yield f"{row['model']} on {row['data']}, {row['train_images']:,} images, seed {row['seed']}: {row['failure']}"


def papers(rows: pd.DataFrame, against: str | None = None) -> dict[str, str]:
    """Return the table of a paper, with the paired tests under it, by the ending of its file."""
    tests, _ = _tests(rows, against)  # the report says why there are none
    tables = [paper_table(rows), *([tests_table(tests)] if len(tests) else [])]
    return {"md": "\n".join(map(to_markdown, tables)), "tex": "\n".join(map(to_latex, tables))}


def _panel(title: str, table: pd.DataFrame) -> Panel:
    return Panel(title, list(table.columns), list(table.itertuples(index=False, name=None)))


def _tests(rows: pd.DataFrame, against: str | None) -> tuple[pd.DataFrame, str]:
    """Return the paired tests on clean images, and why there are none."""
    try:
        return paired_tests(rows[rows.noise == 0], against=against), ""
    except ConfigError as error:
        return paired_tests(rows[:0]), str(error)


def _settings(summary: pd.DataFrame) -> pd.DataFrame:
    table = summary[["model", *TRAINED, "validation"]].rename(columns=COLUMN_WORDS)
    return table.assign(
        **{COLUMN_WORDS[name]: summary[name].map("{:.3g}".format) for name in ("learning_rate", "weight_decay")},
        **{COLUMN_WORDS["validation"]: summary.validation.map(lambda value: f"{100 * value:.2f}")},
    )


def _under_noise(rows: pd.DataFrame) -> pd.DataFrame:
    import pandas as pd

    lines = [
        {"network": model, **{f"{noise:g}": accuracy_words(one.test_accuracy)[PERCENT] for noise, one in each}}
        for model, part in rows.groupby("model", sort=False)
        if (each := list(part.groupby("noise")))
    ]
    return pd.DataFrame(lines)
