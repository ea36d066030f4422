from . import quality
from .quality import compare_methods

__all__ = [
    "compare_methods",
    "quality",
]
