"""Error-free conversion of ordinary networks into spiking ones, with a proof bit by bit."""

from sqnn.conversion.calibration import images_of, observed_thresholds
from sqnn.conversion.codes import MAX_RATE_STEPS, Conversion, SpikeCode, digits, levels_of, plane_code, rate_code
from sqnn.conversion.convert import convert
from sqnn.conversion.errors import ConversionError
from sqnn.conversion.files import SPIKING_FORMAT, load_spiking, require_named, save_spiking
from sqnn.conversion.graph import Role, Watcher, call_name, module_of, role_of, site_name
from sqnn.conversion.max_pool import SpikingMaxPool
from sqnn.conversion.network import ORDERS, SpikingNetwork
from sqnn.conversion.neuron import Decode, SpikingNeuron, decode
from sqnn.conversion.pools import make_pool, spatial_dimensions, windows, windows_summed
from sqnn.conversion.prepare import POOLS, prepare
from sqnn.conversion.rates import CALIBRATION_IMAGES, METHODS, RATE_THRESHOLDS, convert_by, convert_rate
from sqnn.conversion.verify import LayerReport, Verification, verify
from sqnn.neurons import QCFS, THRESHOLDS, qcfs

__all__ = [
    "CALIBRATION_IMAGES",
    "MAX_RATE_STEPS",
    "METHODS",
    "ORDERS",
    "POOLS",
    "QCFS",
    "RATE_THRESHOLDS",
    "SPIKING_FORMAT",
    "THRESHOLDS",
    "Conversion",
    "ConversionError",
    "Decode",
    "LayerReport",
    "Role",
    "SpikeCode",
    "SpikingMaxPool",
    "SpikingNetwork",
    "SpikingNeuron",
    "Verification",
    "Watcher",
    "call_name",
    "convert",
    "convert_by",
    "convert_rate",
    "decode",
    "digits",
    "images_of",
    "levels_of",
    "load_spiking",
    "make_pool",
    "module_of",
    "observed_thresholds",
    "plane_code",
    "prepare",
    "qcfs",
    "rate_code",
    "require_named",
    "role_of",
    "save_spiking",
    "site_name",
    "spatial_dimensions",
    "verify",
    "windows",
    "windows_summed",
]
