from .figure import plot_conversion
from .study import ConversionFolder, ConversionStudy, conversion_study

__all__ = [
    "ConversionFolder",
    "ConversionStudy",
    "conversion_study",
    "plot_conversion",
]
