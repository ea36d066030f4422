"""Networks at equal parameters and tries, from the rows of `sqnn compare`."""

from __future__ import annotations

from typing import Any

import pandas as pd

from result_tables.base import markdown, number, percent, rows, table
from sqnn.studies import paired_tests, paper_table
from sqnn.studies.compare.tables import MINUS, tests_table

MODELS = (
    "sqdr-cnn,sqdr-twin:core=linear,sqdr-twin:core=mlp,sqdr-twin:core=trigonometric,sqdr-twin:core=random-circuit,"
    "sqdr-twin:core=identity,sqdr-twin:core=circuit:front_end=ann,serial-sqnn,ppf-qsnn,snn-cnn,tiny-cnn,"
    "snn-mlp:encoding=direct,logistic:side=8"
)
COMMAND = (
    f"sqnn compare --models {MODELS} --data digits --budget 803 --seeds 5 --tuning 6 --tuning-epochs 12 --epochs 40 "
    "--batch-size 32 --noise 0.2"
)
MNIST_MODELS = MODELS.replace("snn-mlp:encoding=direct", "sqdr-separable")
MNIST_COMMAND = (
    f"sqnn compare --models {MNIST_MODELS} --data mnist --data-dir DIR --budget 803 --seeds 5 --tuning 5 "
    "--tuning-epochs 2 --epochs 10 --batch-size 128 --noise 0.2"
)
CURVE_COMMAND = (
    "sqnn compare --models sqdr-cnn,sqdr-twin:core=linear,sqdr-twin:core=mlp,tiny-cnn,sqdr-separable,logistic:side=8 "
    "--data mnist --data-dir DIR --budget 803 --train-images 100,1000,10000 --least-steps 1500 --seeds 5 --epochs 6 "
    "--batch-size 64 --against sqdr-cnn"
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


@table("compare-mnist", "compare-mnist", MNIST_COMMAND)
def mnist() -> str:
    """Accuracy, size and cost of each network."""
    return words(paper_table(clean("compare-mnist")).drop(columns=["spiking", "quantum", "classical", "time (s)"]))


@table("compare-mnist-tests", "compare-mnist", MNIST_COMMAND)
def mnist_tests() -> str:
    """Paired tests of the SQDR-CNN and each other network, corrected for these pairs."""
    return words(tests_table(paired_tests(clean("compare-mnist"), against=JUDGED)))


@table("compare-curve", "compare-curve", CURVE_COMMAND)
def curve() -> str:
    """Accuracy of each network per number of training images."""
    frame = rows("compare-curve")
    sizes = sorted(frame.train_images.unique())
    groups = frame.groupby(["model", "train_images"]).test_accuracy
    means, (lows, highs) = groups.mean(), intervals(groups)
    body = [
        [model, *(f"{percent(means[at])} ({100 * lows[at]:.1f} to {100 * highs[at]:.1f})" for at in places)]
        for model in dict.fromkeys(frame.model)
        for places in [[(model, size) for size in sizes]]
    ]
    return markdown(["network", *(f"{size:,} images" for size in sizes)], body)


def intervals(groups: Any) -> tuple[pd.Series, pd.Series]:
    """Return the 95 % intervals of the means of groups, by Student's t."""
    from scipy import stats

    reach = groups.sem() * stats.t.ppf(0.975, groups.count() - 1)
    return groups.mean() - reach, groups.mean() + reach


@table("compare-curve-tests", "compare-curve", CURVE_COMMAND)
def curve_tests() -> str:
    """Paired tests of the SQDR-CNN and each other network, corrected within each number of training images."""
    frame = rows("compare-curve")
    parts = [
        tests_table(paired_tests(part, against=JUDGED)).assign(images=f"{size:,}")
        for size, part in frame.groupby("train_images")
    ]
    whole = pd.concat(parts)
    return words(whole[["images", *(name for name in whole if name != "images")]])


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


def mean_of(model: str, noise: float = 0.0, name: str = "compare-digits") -> str:
    """Return the mean test accuracy of a network."""
    frame = rows(name)
    return percent(frame[(frame.model == model) & (frame.noise == noise)].test_accuracy.mean())


def beside(first: str, second: str, name: str = "compare-digits") -> str:
    """Return how far the first is ahead of the second, in points, with the 95 % interval over the seeds."""
    tests = paired_tests(clean(name), against=first)
    line = tests[tests.second == second].iloc[0]
    difference, low, high = (f"{100 * line[name]:+.1f}".replace("-", MINUS) for name in ("difference", "low", "high"))
    return f"{difference} points ({low} to {high})"


@number("compare-digits-head")
def digits_head() -> str:
    """The circuit beside what stands in its place."""
    return head_of("compare-digits")


@number("compare-mnist-head")
def mnist_head() -> str:
    """The circuit beside what stands in its place, on MNIST."""
    return head_of("compare-mnist")


def head_of(name: str) -> str:
    """Return the circuit beside three twins."""
    twins = ("linear", "trigonometric", "random-circuit")
    each = (f"{beside(JUDGED, f'sqdr-twin:core={core}', name)} beside `{core}`" for core in twins)
    return ", ".join(each)


@number("compare-mnist-rivals")
def mnist_rivals() -> str:
    """The SQDR-CNN beside its predecessors, on MNIST."""
    return rivals_of("compare-mnist")


@number("compare-digits-rivals")
def digits_rivals() -> str:
    """The SQDR-CNN beside its predecessors."""
    return rivals_of("compare-digits")


def rivals_of(name: str) -> str:
    """Return the SQDR-CNN beside the serial and the parallel hybrid."""
    return ", ".join(f"{beside(JUDGED, rival, name)} beside {rival}" for rival in ("serial-sqnn", "ppf-qsnn"))


@number("compare-digits-parallel")
def digits_parallel() -> str:
    """The parallel hybrid beside the serial one."""
    return parallel_of("compare-digits")


@number("compare-mnist-parallel")
def mnist_parallel() -> str:
    """The parallel hybrid beside the serial one, on MNIST."""
    return parallel_of("compare-mnist")


def parallel_of(name: str) -> str:
    """Return the accuracies of the parallel and the serial hybrid, and how far they lie apart."""
    means = (mean_of(rival, name=name) for rival in ("ppf-qsnn", "serial-sqnn"))
    return f"{' against '.join(means)}, {beside('ppf-qsnn', 'serial-sqnn', name)}"


@number("compare-mnist-spiking")
def mnist_spiking() -> str:
    """The parallel hybrid beside a spiking network without a circuit, on MNIST."""
    return f"{beside('ppf-qsnn', 'snn-cnn', 'compare-mnist')} beside snn-cnn"


@number("compare-digits-spiking")
def digits_spiking() -> str:
    """The parallel hybrid beside spiking networks without a circuit."""
    names = ("snn-cnn", "snn-mlp:encoding=direct")
    return ", ".join(f"{beside('ppf-qsnn', name)} beside {name}" for name in names)


@number("compare-digits-noise")
def digits_noise() -> str:
    """Networks on noisy test images, and what the noise costs them."""
    names = ("serial-sqnn", "snn-cnn")
    return ", ".join(f"{name} {mean_of(name, 0.2)} (clean {mean_of(name)})" for name in names)
