from . import attribution, quality, recording, report
from .attribution import METHODS, ActivationMap, Attribution, activation_map, attribute, robustness_margins
from .quality import MethodComparison, compare_methods
from .recording import HeadRecord, LayerRecord, SpikeRecord, record, record_bytes, recorder
from .report import Page, explore, make_page

__all__ = [
    "METHODS",
    "ActivationMap",
    "Attribution",
    "HeadRecord",
    "LayerRecord",
    "MethodComparison",
    "Page",
    "SpikeRecord",
    "activation_map",
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
    "robustness_margins",
]
