from . import conversion, core, data, encoding, explain, layers, metrics, models, neurons, plasticity, studies, training
from .data import DATASETS, ImageData, load_data, read_images
from .discovery import options
from .explain import Attribution, SpikeRecord, activation_map, attribute, record
from .metrics import ParameterCount, count
from .models import MODELS, SpikingQuantum, create_model, load_model, save_model
from .studies import STUDIES, Comparison, NoiseSweep, ResultsTable, SweepFrame, compare, noise_sweep, study
from .training import RECIPES, Evaluation, Run, TrainingConfig, evaluate, fit, predict, resume

__version__: str

__all__ = [
    "DATASETS",
    "MODELS",
    "RECIPES",
    "STUDIES",
    "Attribution",
    "Comparison",
    "Evaluation",
    "ImageData",
    "NoiseSweep",
    "ParameterCount",
    "ResultsTable",
    "Run",
    "SpikeRecord",
    "SpikingQuantum",
    "SweepFrame",
    "TrainingConfig",
    "activation_map",
    "attribute",
    "compare",
    "conversion",
    "core",
    "count",
    "create_model",
    "data",
    "encoding",
    "evaluate",
    "explain",
    "fit",
    "layers",
    "load_data",
    "load_model",
    "metrics",
    "models",
    "neurons",
    "noise_sweep",
    "options",
    "plasticity",
    "predict",
    "read_images",
    "record",
    "resume",
    "save_model",
    "studies",
    "study",
    "training",
]
