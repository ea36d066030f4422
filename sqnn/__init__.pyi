from . import conversion, core, data, encoding, explain, layers, metrics, models, neurons, plasticity, studies, training
from .data import DATASETS, ImageData, load_data, read_images
from .discovery import options
from .explain import (
    Attribution,
    MethodComparison,
    SpikeRecord,
    activation_map,
    attribute,
    causal_graph,
    compare_methods,
    distil,
    explore,
    record,
)
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
    "MethodComparison",
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
    "causal_graph",
    "compare",
    "compare_methods",
    "conversion",
    "core",
    "count",
    "create_model",
    "data",
    "distil",
    "encoding",
    "evaluate",
    "explain",
    "explore",
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
