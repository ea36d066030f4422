"""What a network costs and what it is worth."""

from sqnn.metrics.operations import ENERGY_MODELS, OPERATIONS, OperationCount, count_operations
from sqnn.metrics.parameters import ParameterCount, count
from sqnn.metrics.score import Score, score

__all__ = [
    "ENERGY_MODELS",
    "OPERATIONS",
    "OperationCount",
    "ParameterCount",
    "Score",
    "count",
    "count_operations",
    "score",
]
