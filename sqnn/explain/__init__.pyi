from . import attribution, quality, recording
from .attribution import METHODS, Attribution, attribute
from .quality import MethodComparison, compare_methods
from .recording import HeadRecord, LayerRecord, SpikeRecord, record, record_bytes, recorder

__all__ = [
    "METHODS",
    "Attribution",
    "HeadRecord",
    "LayerRecord",
    "MethodComparison",
    "SpikeRecord",
    "attribute",
    "attribution",
    "compare_methods",
    "quality",
    "record",
    "record_bytes",
    "recorder",
    "recording",
]
