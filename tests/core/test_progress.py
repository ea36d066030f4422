"""Progress in a terminal: the time that is left where cells are alike, and no guess where they are not."""

from __future__ import annotations

import sys

import pytest
import rich.progress
from rich.progress import TimeElapsedColumn, TimeRemainingColumn

from sqnn.core import sweep_progress
from sqnn.studies import STUDIES
from sqnn.studies.compare import CompareStudy


@pytest.mark.parametrize(("even", "clock"), [(True, TimeRemainingColumn), (False, TimeElapsedColumn)])
def test_a_guess_is_made_of_cells_that_are_alike(monkeypatch, even: bool, clock: type) -> None:
    shown: list[type] = []

    class Watched(rich.progress.Progress):
        def __init__(self, *columns, **options) -> None:
            shown.extend(map(type, columns))
            super().__init__(*columns, **options)

    monkeypatch.setattr(rich.progress, "Progress", Watched)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    with sweep_progress(2, True, even=even) as tick:
        tick("one")
    assert {TimeElapsedColumn, TimeRemainingColumn} & set(shown) == {clock}


def test_networks_that_are_compared_take_unequal_times() -> None:
    assert not CompareStudy.even
    assert STUDIES["noise-sweep"].even
