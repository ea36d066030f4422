"""Sweeps compared: what must be equal, and what the time of the day decides."""

from __future__ import annotations

import pandas as pd


def assert_same_rows(one: pd.DataFrame, other: pd.DataFrame, order: bool = True) -> None:
    """The same rows to the last bit, in the same order where that is said, but for the wall time."""
    one, other = (pd.DataFrame(frame).drop(columns="seconds") for frame in (one, other))
    if not order:
        one, other = (f.sort_values(list(f.columns), ignore_index=True) for f in (one, other))
    pd.testing.assert_frame_equal(one, other, check_exact=True)
