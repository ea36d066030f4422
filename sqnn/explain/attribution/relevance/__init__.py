"""Relevance: a logit divided layer by layer among all that it was made of, with a ledger that adds up."""

from sqnn.explain.attribution.relevance.method import Relevance
from sqnn.explain.attribution.relevance.rules import RULES
from sqnn.explain.attribution.relevance.walk import HANDED_ON

__all__ = ["HANDED_ON", "RULES", "Relevance"]
