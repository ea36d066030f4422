"""The tables and numbers of the documentation, made from `benchmarks/results/*.csv`.

`generate_results.py` writes them into the pages. In the files of this folder a function is one table or one number,
under the name that a page gives.
"""

from result_tables import (
    circle,
    circuits,
    comparisons,
    conversion,
    events,
    explanations,
    frontend,
    networks,
    plasticity,
    seeds,
)
from result_tables.base import ROOT, numbers, tables

__all__ = [
    "ROOT",
    "circle",
    "circuits",
    "comparisons",
    "conversion",
    "events",
    "explanations",
    "frontend",
    "networks",
    "numbers",
    "plasticity",
    "seeds",
    "tables",
]
