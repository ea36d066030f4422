"""Error-free conversion of ordinary networks into spiking ones, with a proof bit by bit."""

from sqnn.conversion.calibration import observed_thresholds
from sqnn.conversion.choices import Conversion
from sqnn.conversion.codes import MAX_RATE_STEPS, SpikeCode, digits, levels_of, plane_code, rate_code
from sqnn.conversion.convert import convert
from sqnn.conversion.errors import ConversionError
from sqnn.conversion.files import SPIKING_FORMAT, load_spiking, save_spiking
from sqnn.conversion.methods import CALIBRATION_IMAGES, METHODS, convert_by
from sqnn.conversion.network import ORDERS, SpikingNetwork
from sqnn.conversion.neuron import SpikingNeuron, decode
from sqnn.conversion.operation_counts import ENERGY_MODELS, OPERATIONS, OperationCount, count_operations
from sqnn.conversion.penalty import BitPenalty
from sqnn.conversion.prepare import prepare
from sqnn.conversion.rates import RATE_THRESHOLDS, convert_rate
from sqnn.conversion.score import Score, score
from sqnn.conversion.verify import LayerReport, Verification, verify
from sqnn.neurons import QCFS, THRESHOLDS, qcfs

__all__ = [
    "CALIBRATION_IMAGES",
    "ENERGY_MODELS",
    "MAX_RATE_STEPS",
    "METHODS",
    "OPERATIONS",
    "ORDERS",
    "QCFS",
    "RATE_THRESHOLDS",
    "SPIKING_FORMAT",
    "THRESHOLDS",
    "BitPenalty",
    "Conversion",
    "ConversionError",
    "LayerReport",
    "OperationCount",
    "Score",
    "SpikeCode",
    "SpikingNetwork",
    "SpikingNeuron",
    "Verification",
    "convert",
    "convert_by",
    "convert_rate",
    "count_operations",
    "decode",
    "digits",
    "levels_of",
    "load_spiking",
    "observed_thresholds",
    "plane_code",
    "prepare",
    "qcfs",
    "rate_code",
    "save_spiking",
    "score",
    "verify",
]
