from .figure import plot_circle
from .study import CircleStudy

__all__ = [
    "CircleStudy",
    "plot_circle",
]
