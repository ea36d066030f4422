"""Shapley values: of patches of an image, and exactly of all angles and qubits of a quantum head."""

from sqnn.explain.attribution.shapley.head import HeadValues, head_relevance, head_values
from sqnn.explain.attribution.shapley.method import Shapley

__all__ = ["HeadValues", "Shapley", "head_relevance", "head_values"]
