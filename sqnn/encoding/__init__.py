"""Spike encoders: values in [0, 1] become trains `[time, batch, *features]`, and come back.

Beside the codes: the gradients of those made of binary digits, ranges that bring values into [0, 1], and decoders.
"""

from sqnn.encoding.base import Encoder, check_images
from sqnn.encoding.bitplane import BitPlane
from sqnn.encoding.decoding import DECODERS, ByRate, ByWeight, Decoder, make_decoder
from sqnn.encoding.direct import Direct
from sqnn.encoding.frames import FRAMES, Frames
from sqnn.encoding.latency import Latency
from sqnn.encoding.phase import WeightedPhase
from sqnn.encoding.plane_surrogates import (
    PLAIN_SURROGATES,
    PLANE_SURROGATES,
    Detached,
    FourierSine,
    PlaneSurrogate,
    SigmoidSine,
    StraightThrough,
    TanhSine,
    make_plane_surrogate,
)
from sqnn.encoding.planes import MAX_PLANES, RESCALINGS, bits, level_bits, rescaling_factors
from sqnn.encoding.ranges import MIN_WIDTH, RANGES, FixedRange, LearnedRange, Range, RunningRange, make_range
from sqnn.encoding.rate import Rate
from sqnn.encoding.registry import ENCODERS, INPUTS, make_encoder
from sqnn.encoding.sparse import SparseTrains

__all__ = [
    "DECODERS",
    "ENCODERS",
    "FRAMES",
    "INPUTS",
    "MAX_PLANES",
    "MIN_WIDTH",
    "PLAIN_SURROGATES",
    "PLANE_SURROGATES",
    "RANGES",
    "RESCALINGS",
    "BitPlane",
    "ByRate",
    "ByWeight",
    "Decoder",
    "Detached",
    "Direct",
    "Encoder",
    "FixedRange",
    "FourierSine",
    "Frames",
    "Latency",
    "LearnedRange",
    "PlaneSurrogate",
    "Range",
    "Rate",
    "RunningRange",
    "SigmoidSine",
    "SparseTrains",
    "StraightThrough",
    "TanhSine",
    "WeightedPhase",
    "bits",
    "check_images",
    "level_bits",
    "make_decoder",
    "make_encoder",
    "make_plane_surrogate",
    "make_range",
    "rescaling_factors",
]
