"""Layer-wise hybrid networks: spiking blocks with real-valued ends, beside and added to ordinary ones."""

from sqnn.hybrid.analog import AnalogConv, AnalogDense, AnalogResidual
from sqnn.hybrid.encode_decode import EncodeDecode
from sqnn.hybrid.fusion import FusionBlock
from sqnn.hybrid.spiking import MakeNeuron, SpikingConv, SpikingDense, SpikingResidual, SpikingStack

__all__ = [
    "AnalogConv",
    "AnalogDense",
    "AnalogResidual",
    "EncodeDecode",
    "FusionBlock",
    "MakeNeuron",
    "SpikingConv",
    "SpikingDense",
    "SpikingResidual",
    "SpikingStack",
]
