from .figure import plot_faithfulness
from .study import FaithfulnessStudy

__all__ = [
    "FaithfulnessStudy",
    "plot_faithfulness",
]
