"""The sections of a page, one file each: what is told of the subject, as the parts of a story."""

from sqnn.explain.report.sections.answer import answer
from sqnn.explain.report.sections.head import head
from sqnn.explain.report.sections.ledger import ledger
from sqnn.explain.report.sections.made import made, network_text
from sqnn.explain.report.sections.pixels import pixels
from sqnn.explain.report.sections.rule import rule
from sqnn.explain.report.sections.trains import trains
from sqnn.explain.report.sections.what_if import what_if

__all__ = ["answer", "head", "ledger", "made", "network_text", "pixels", "rule", "trains", "what_if"]
