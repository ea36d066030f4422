"""What a network costs and what it is worth."""

from sqnn.metrics.parameters import ParameterCount, count

__all__ = ["ParameterCount", "count"]
