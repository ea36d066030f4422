from .event_paths import IntegratedEvents
from .events import Events, events_between
from .smooth_twin import IntegratedSmooth, smooth_twin
from .surrogate import IntegratedSurrogate

__all__ = [
    "Events",
    "IntegratedEvents",
    "IntegratedSmooth",
    "IntegratedSurrogate",
    "events_between",
    "smooth_twin",
]
