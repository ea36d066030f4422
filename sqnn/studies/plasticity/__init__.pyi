from .figure import plot_plasticity
from .study import PlasticityStudy

__all__ = [
    "PlasticityStudy",
    "plot_plasticity",
]
