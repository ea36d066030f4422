from . import behaviour, recording, signal
from .behaviour import causal_graph, distil
from .recording import HeadRecord, LayerRecord, SpikeRecord, record, record_bytes, recorder

__all__ = [
    "HeadRecord",
    "LayerRecord",
    "SpikeRecord",
    "behaviour",
    "causal_graph",
    "distil",
    "record",
    "record_bytes",
    "recorder",
    "recording",
    "signal",
]
