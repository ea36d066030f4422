"""The one training loop, through which every network of the package learns."""

from sqnn.training.allocator import keep_freed_memory
from sqnn.training.checkpoints import CheckpointError, SafeCheckpointIO
from sqnn.training.evaluate import SPLITS, Evaluation, check_fit, evaluate, predict
from sqnn.training.fit import fit, resume
from sqnn.training.folder import RunError, RunFolder
from sqnn.training.module import Classifier, NotFiniteError
from sqnn.training.run import Run
from sqnn.training.settings import OPTIMIZERS, SCHEDULES, TrainingConfig
from sqnn.training.terms import BitPenalty
from sqnn.training.versions import versions

__all__ = [
    "OPTIMIZERS",
    "SCHEDULES",
    "SPLITS",
    "BitPenalty",
    "CheckpointError",
    "Classifier",
    "Evaluation",
    "NotFiniteError",
    "Run",
    "RunError",
    "RunFolder",
    "SafeCheckpointIO",
    "TrainingConfig",
    "check_fit",
    "evaluate",
    "fit",
    "keep_freed_memory",
    "predict",
    "resume",
    "versions",
]
