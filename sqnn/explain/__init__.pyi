from . import quality, recording
from .quality import MethodComparison, compare_methods
from .recording import HeadRecord, LayerRecord, SpikeRecord, record, record_bytes, recorder

__all__ = [
    "HeadRecord",
    "LayerRecord",
    "MethodComparison",
    "SpikeRecord",
    "compare_methods",
    "quality",
    "record",
    "record_bytes",
    "recorder",
    "recording",
]
