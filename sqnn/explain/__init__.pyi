from . import attribution, quality, recording, report
from .attribution import METHODS, Attribution, attribute
from .quality import MethodComparison, compare_methods
from .recording import HeadRecord, LayerRecord, SpikeRecord, record, record_bytes, recorder
from .report import Page, explore, make_page

__all__ = [
    "METHODS",
    "Attribution",
    "HeadRecord",
    "LayerRecord",
    "MethodComparison",
    "Page",
    "SpikeRecord",
    "attribute",
    "attribution",
    "compare_methods",
    "explore",
    "make_page",
    "quality",
    "record",
    "record_bytes",
    "recorder",
    "recording",
    "report",
]
