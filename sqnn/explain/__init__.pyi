from . import attribution, quality, recording
from .attribution import METHODS, Attribution, attribute
from .quality import (
    BADGES,
    MEASURES,
    MethodComparison,
    QualityOptions,
    QualitySubject,
    compare_methods,
    draw_methods,
    makers_of,
    measure_part,
    subject_of,
    summarise_methods,
)
from .recording import HeadRecord, LayerRecord, SpikeRecord, record, record_bytes, recorder

__all__ = [
    "BADGES",
    "MEASURES",
    "METHODS",
    "Attribution",
    "HeadRecord",
    "LayerRecord",
    "MethodComparison",
    "QualityOptions",
    "QualitySubject",
    "SpikeRecord",
    "attribute",
    "attribution",
    "compare_methods",
    "draw_methods",
    "makers_of",
    "measure_part",
    "quality",
    "record",
    "record_bytes",
    "recorder",
    "recording",
    "subject_of",
    "summarise_methods",
]
