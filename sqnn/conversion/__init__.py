"""Error-free conversion of ordinary networks into spiking ones, with a proof bit by bit."""

from sqnn.conversion.calibration import observed_thresholds
from sqnn.conversion.codes import SpikeCode, digits, levels_of, plane_code, rate_code
from sqnn.conversion.convert import Conversion, convert
from sqnn.conversion.errors import ConversionError
from sqnn.conversion.network import ORDERS, SpikingNetwork
from sqnn.conversion.neuron import SpikingNeuron, decode
from sqnn.conversion.operation_counts import ENERGY_MODELS, OperationCount, count_operations
from sqnn.conversion.penalty import BitPenalty
from sqnn.conversion.prepare import THRESHOLDS, prepare
from sqnn.conversion.rates import RATE_THRESHOLDS, convert_rate
from sqnn.conversion.verify import LayerReport, Verification, verify
from sqnn.neurons import QCFS, qcfs

__all__ = [
    "ENERGY_MODELS",
    "ORDERS",
    "QCFS",
    "RATE_THRESHOLDS",
    "THRESHOLDS",
    "BitPenalty",
    "Conversion",
    "ConversionError",
    "LayerReport",
    "OperationCount",
    "SpikeCode",
    "SpikingNetwork",
    "SpikingNeuron",
    "Verification",
    "convert",
    "convert_rate",
    "count_operations",
    "decode",
    "digits",
    "levels_of",
    "observed_thresholds",
    "plane_code",
    "prepare",
    "qcfs",
    "rate_code",
    "verify",
]
