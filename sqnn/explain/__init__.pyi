from . import attribution, recording, report
from .attribution import METHODS, Attribution, attribute
from .recording import HeadRecord, LayerRecord, SpikeRecord, record, record_bytes, recorder
from .report import Page, explore, make_page

__all__ = [
    "METHODS",
    "Attribution",
    "HeadRecord",
    "LayerRecord",
    "Page",
    "SpikeRecord",
    "attribute",
    "attribution",
    "explore",
    "make_page",
    "record",
    "record_bytes",
    "recorder",
    "recording",
    "report",
]
