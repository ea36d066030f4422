"""How like recordings of a real camera synthetic ones of the same pictures are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sqnn.data import Recording

LEG, BIN = 100_000, 5_000
"""Microseconds of a saccade of N-MNIST, of which each recording has three, and of a point of the profile in time."""
LEGS, BINS = 3, 64


def likeness(made: Sequence[Recording], real: Sequence[Recording]) -> dict[str, float]:
    """Return measures of synthetic recordings beside the real ones of the same pictures, in the same order.

    Correlations are Pearson's: of a recording's counts of events by pixel, summed or by leg, polarity and pixel, as a
    mean over the recordings; of all events by 5 ms; and of the numbers of events over the recordings. "another picture"
    is the summed one beside the real recording of the next picture.
    """
    ours, theirs = (np.stack([_counts(each) for each in part]) for part in (made, real))
    summed, others = ours.sum((1, 2)), theirs.sum((1, 2))
    result = {
        "correlation of pixels, summed": _correlation(summed, others),
        "correlation of pixels, by leg and polarity": _correlation(ours, theirs),
        "correlation of pixels, another picture": _correlation(summed, np.roll(others, -1, 0)),
        "correlation in time": _correlation(_profile(made)[None], _profile(real)[None]),
        "correlation of numbers": _correlation(summed.sum((1, 2))[None], others.sum((1, 2))[None]),
    }
    for name, part, counts in (("synthetic", made, ours), ("real", real, theirs)):
        numbers = counts.sum((1, 2, 3, 4))
        result |= {
            f"events, {name}": float(numbers.mean()),
            f"events, standard deviation, {name}": float(numbers.std()),
            f"active pixels, {name}": float((counts.sum((1, 2)) > 0).sum((1, 2)).mean()),
            f"share of polarity 1, {name}": float(counts[:, :, 1].sum() / counts.sum()),
        }
        result |= {f"{measure}, {name}": value for measure, value in _intervals(part).items()}
    return result


def _counts(recording: Recording) -> NDArray[np.float64]:
    """Return numbers of events, [leg, polarity, row, column]."""
    events = recording.events
    counts = np.zeros((LEGS, 2, *(recording.sensor or ())))
    np.add.at(counts, (np.minimum(events["t"] // LEG, LEGS - 1), events["p"], events["y"], events["x"]), 1)
    return counts


def _correlation(ours: NDArray[Any], theirs: NDArray[Any]) -> float:
    """Return the mean of the correlations of the rows of two arrays; that of a row of equal numbers is 0."""
    one, other = (part.reshape(len(part), -1) for part in (ours, theirs))
    one, other = (part - part.mean(1, keepdims=True) for part in (one, other))
    norms = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    return float(np.divide((one * other).sum(1), norms, out=np.zeros(len(one)), where=norms > 0).mean())


def _profile(recordings: Sequence[Recording]) -> NDArray[Any]:
    times = np.concatenate([recording.events["t"] for recording in recordings])
    return np.bincount(np.minimum(times // BIN, BINS - 1), minlength=BINS)


def _intervals(recordings: Sequence[Recording]) -> dict[str, float]:
    """Return times between events of a pixel, and how often the next one has the same polarity."""
    gaps, same = [], []
    for recording in recordings:
        events = recording.events
        pixels = events["y"].astype(np.int64) * 2**16 + events["x"]
        order = np.lexsort((events["t"], pixels))
        within = np.diff(pixels[order]) == 0
        gaps.append(np.diff(events["t"][order])[within])
        same.append((np.diff(events["p"][order].astype(int)) == 0)[within])
    least, median = np.quantile(np.concatenate(gaps), (0.05, 0.5)) / 1000
    return {
        "interval of a pixel in ms, 5 % are shorter": float(least),
        "interval of a pixel in ms, median": float(median),
        "next event of the same polarity": float(np.concatenate(same).mean()),
    }
