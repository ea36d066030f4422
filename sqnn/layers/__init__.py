"""Layers and blocks: the spiking front-end of a circuit, and layer-wise blocks of an ordinary and a spiking branch."""

from sqnn.layers.analog import AnalogConv, AnalogDense, AnalogResidual
from sqnn.layers.analog_cnn import AnalogCNN
from sqnn.layers.compiled import PYTORCH, arithmetic_of, kernels_for
from sqnn.layers.encode_decode import EncodeDecode
from sqnn.layers.frontends import (
    CONVENTIONS,
    LIBRARIES,
    POOLS,
    Convention,
    FrontEnd,
    convention_of,
    is_of,
    libraries_of,
)
from sqnn.layers.fusion import FusionBlock
from sqnn.layers.separable import PlaceReadout, RateTrainedStage, SeparableCNN, SeparableConv, sides_after
from sqnn.layers.spiking import SpikingConv, SpikingDense, SpikingResidual, SpikingStack
from sqnn.layers.spiking_cnn import POOL, READOUTS, SpikingBlock, SpikingCNN
from sqnn.layers.spiking_linear import SparseLinear, SpikingLinear
from sqnn.layers.spiking_rates import LAYERS, SpikingRates
from sqnn.neurons import MakeNeuron

__all__ = [
    "CONVENTIONS",
    "LAYERS",
    "LIBRARIES",
    "POOL",
    "POOLS",
    "PYTORCH",
    "READOUTS",
    "AnalogCNN",
    "AnalogConv",
    "AnalogDense",
    "AnalogResidual",
    "Convention",
    "EncodeDecode",
    "FrontEnd",
    "FusionBlock",
    "MakeNeuron",
    "PlaceReadout",
    "RateTrainedStage",
    "SeparableCNN",
    "SeparableConv",
    "SparseLinear",
    "SpikingBlock",
    "SpikingCNN",
    "SpikingConv",
    "SpikingDense",
    "SpikingLinear",
    "SpikingRates",
    "SpikingResidual",
    "SpikingStack",
    "arithmetic_of",
    "convention_of",
    "is_of",
    "kernels_for",
    "libraries_of",
    "sides_after",
]
