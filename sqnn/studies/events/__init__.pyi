from .figure import plot_events
from .likeness import likeness
from .study import EventsStudy

__all__ = [
    "EventsStudy",
    "likeness",
    "plot_events",
]
