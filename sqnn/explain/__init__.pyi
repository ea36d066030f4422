from . import attribution, recording
from .attribution import METHODS, ActivationMap, Attribution, activation_map, attribute, robustness_margins
from .recording import HeadRecord, LayerRecord, SpikeRecord, record, record_bytes, recorder

__all__ = [
    "METHODS",
    "ActivationMap",
    "Attribution",
    "HeadRecord",
    "LayerRecord",
    "SpikeRecord",
    "activation_map",
    "attribute",
    "attribution",
    "record",
    "record_bytes",
    "recorder",
    "recording",
    "robustness_margins",
]
