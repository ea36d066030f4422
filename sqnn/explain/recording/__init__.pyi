from .heads import HeadRecord
from .layers import LayerRecord
from .recorder import Recorder, recorder
from .run import MOST_BYTES, record, record_bytes
from .spikes import SpikeRecord

__all__ = [
    "MOST_BYTES",
    "HeadRecord",
    "LayerRecord",
    "Recorder",
    "SpikeRecord",
    "record",
    "record_bytes",
    "recorder",
]
