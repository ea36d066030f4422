"""Layers and blocks: the spiking front-end of a circuit, and spiking blocks beside and added to ordinary ones."""

from sqnn.layers.analog import AnalogConv, AnalogDense, AnalogResidual
from sqnn.layers.encode_decode import EncodeDecode
from sqnn.layers.fusion import FusionBlock
from sqnn.layers.spiking import MakeNeuron, SpikingConv, SpikingDense, SpikingResidual, SpikingStack
from sqnn.layers.spiking_cnn import READOUTS, SpikingBlock, SpikingCNN

__all__ = [
    "READOUTS",
    "AnalogConv",
    "AnalogDense",
    "AnalogResidual",
    "EncodeDecode",
    "FusionBlock",
    "MakeNeuron",
    "SpikingBlock",
    "SpikingCNN",
    "SpikingConv",
    "SpikingDense",
    "SpikingResidual",
    "SpikingStack",
]
