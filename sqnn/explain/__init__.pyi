from . import attribution, behaviour, quality, recording, report
from .attribution import METHODS, ActivationMap, Attribution, activation_map, attribute, robustness_margins
from .behaviour import causal_graph, distil
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
from .report import Page, explore, make_page

__all__ = [
    "BADGES",
    "MEASURES",
    "METHODS",
    "ActivationMap",
    "Attribution",
    "HeadRecord",
    "LayerRecord",
    "MethodComparison",
    "Page",
    "QualityOptions",
    "QualitySubject",
    "SpikeRecord",
    "activation_map",
    "attribute",
    "attribution",
    "behaviour",
    "causal_graph",
    "compare_methods",
    "distil",
    "draw_methods",
    "explore",
    "make_page",
    "makers_of",
    "measure_part",
    "quality",
    "record",
    "record_bytes",
    "recorder",
    "recording",
    "report",
    "robustness_margins",
    "subject_of",
    "summarise_methods",
]
