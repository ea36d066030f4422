"""Networks at equal parameters and tries, from the rows of `sqnn compare`."""

from __future__ import annotations

import pandas as pd

from result_tables.base import markdown, number, rows, table
from sqnn.studies import paired_tests, paper_table
from sqnn.studies.compare.tables import tests_table

MODELS = (
    "sqdr-cnn,sqdr-twin:core=linear,sqdr-twin:core=mlp,sqdr-twin:core=trigonometric,sqdr-twin:core=random-circuit,"
    "sqdr-twin:core=identity,sqdr-twin:core=circuit:front_end=ann,serial-sqnn,ppf-qsnn,snn-cnn,tiny-cnn,"
    "snn-mlp:encoding=direct,logistic:side=8"
)
COMMAND = (
    f"sqnn compare --models {MODELS} --data digits --budget 803 --seeds 5 --tuning 6 --tuning-epochs 12 --epochs 40 "
    "--batch-size 32 --noise 0.2"
)
JUDGED = "sqdr-cnn"
"""The network whose differences from all others are printed."""


def clean(name: str) -> pd.DataFrame:
    """Return the rows of clean test images."""
    frame = rows(name)
    return frame[frame.noise == 0]


def words(frame: pd.DataFrame) -> str:
    """Return a table of words as Markdown."""
    return markdown(list(frame), frame.itertuples(index=False, name=None))


@table("compare-digits", "compare-digits", COMMAND)
def digits() -> str:
    """Accuracy, size and cost of each network."""
    return words(paper_table(clean("compare-digits")).drop(columns=["spiking", "quantum", "classical"]))


@table("compare-digits-tests", "compare-digits", COMMAND)
def digits_tests() -> str:
    """Paired tests of the SQDR-CNN and each other network, corrected for all pairs."""
    tests = paired_tests(clean("compare-digits"))
    return words(tests_table(tests[(tests["first"] == JUDGED) | (tests["second"] == JUDGED)]))


@number("compare-digits-planned")
def digits_planned() -> str:
    """How many of the contrasts with the SQDR-CNN alone pass 5 %, and whom they favour."""
    tests = paired_tests(clean("compare-digits"), against=JUDGED)
    passed = tests[tests.p_corrected < 0.05]
    worse = int((passed.difference < 0).sum())
    return (
        f"{len(passed)} of the {len(tests)} pass 0.05, {worse} of them against the SQDR-CNN (p at least "
        f"{passed.p_corrected.min():.2g})"
    )
