"""A table for people, which prints whole."""

from __future__ import annotations

import pandas as pd


class WholeTable(pd.DataFrame):
    """A DataFrame that prints all of its rows and columns, without the index where that is a count.

    What is computed from it is a plain DataFrame.
    """

    def __repr__(self) -> str:
        return self.to_string(index=self._named)

    def _repr_html_(self) -> str:
        with pd.option_context("display.max_colwidth", None):
            return self.to_html(index=self._named)

    @property
    def _named(self) -> bool:
        return not isinstance(self.index, pd.RangeIndex)
