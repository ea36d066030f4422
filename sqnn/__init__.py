"""Hybrid spiking-quantum machine learning.

>>> import sqnn
>>> data = sqnn.load_data("digits")
>>> model = sqnn.create_model("sqdr-cnn", data=data)
>>> run = sqnn.fit(model, data, epochs=5)
>>> run.test_accuracy, run.plot()
"""

from sqnn.data import DATASETS, ImageData, load_data, read_images
from sqnn.metrics import ParameterCount, count
from sqnn.models import MODELS, create_model, load_model, save_model
from sqnn.studies import NoiseSweep, ResultsTable, SweepFrame, noise_sweep
from sqnn.training import Evaluation, Run, TrainingConfig, evaluate, fit, predict, resume

__version__ = "0.1.0"

__all__ = [
    "DATASETS",
    "MODELS",
    "Evaluation",
    "ImageData",
    "NoiseSweep",
    "ParameterCount",
    "ResultsTable",
    "Run",
    "SweepFrame",
    "TrainingConfig",
    "count",
    "create_model",
    "evaluate",
    "fit",
    "load_data",
    "load_model",
    "noise_sweep",
    "predict",
    "read_images",
    "resume",
    "save_model",
]
