from .comparison import Comparison
from .figure import plot_compare
from .frame import CompareFrame
from .runs import compare
from .significance import paired_tests
from .study import CompareStudy
from .tables import paper_table, to_latex, to_markdown

__all__ = [
    "CompareFrame",
    "CompareStudy",
    "Comparison",
    "compare",
    "paired_tests",
    "paper_table",
    "plot_compare",
    "to_latex",
    "to_markdown",
]
