from .heads import HeadRecord, bloch_vectors
from .hooks import Recorder, neurons_of, recorder
from .images import checked_images
from .layers import LayerRecord
from .run import MOST_BYTES, record, record_bytes
from .spikes import SpikeRecord

__all__ = [
    "MOST_BYTES",
    "HeadRecord",
    "LayerRecord",
    "Recorder",
    "SpikeRecord",
    "bloch_vectors",
    "checked_images",
    "neurons_of",
    "record",
    "record_bytes",
    "recorder",
]
