"""Sweeps compared: what must be equal, and what the time of the day decides."""

from __future__ import annotations

import pandas as pd

from sqnn.studies import SweepFrame


def assert_same_rows(one: pd.DataFrame | SweepFrame, other: pd.DataFrame | SweepFrame, order: bool = True) -> None:
    """The same rows to the last bit, in the same order where that is said, but for the wall time."""
    frames = (rows.frame if isinstance(rows, SweepFrame) else rows for rows in (one, other))
    one, other = (frame.drop(columns="seconds") for frame in frames)
    if not order:
        one, other = (f.sort_values(list(f.columns), ignore_index=True) for f in (one, other))
    pd.testing.assert_frame_equal(one, other, check_exact=True)
