from . import recording
from .recording import HeadRecord, LayerRecord, SpikeRecord, record, record_bytes, recorder

__all__ = [
    "HeadRecord",
    "LayerRecord",
    "SpikeRecord",
    "record",
    "record_bytes",
    "recorder",
    "recording",
]
