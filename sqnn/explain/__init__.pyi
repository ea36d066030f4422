from . import attribution, recording
from .attribution import METHODS, Attribution, attribute
from .recording import HeadRecord, LayerRecord, SpikeRecord, record, record_bytes, recorder

__all__ = [
    "METHODS",
    "Attribution",
    "HeadRecord",
    "LayerRecord",
    "SpikeRecord",
    "attribute",
    "attribution",
    "record",
    "record_bytes",
    "recorder",
    "recording",
]
