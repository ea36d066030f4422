from .figure import plot_layers
from .study import LayerStudy, layer_study, measure_layers, summarise_layers

__all__ = [
    "LayerStudy",
    "layer_study",
    "measure_layers",
    "plot_layers",
    "summarise_layers",
]
