from .allocator import keep_freed_memory
from .checkpoints import SafeCheckpointIO
from .collapse import CollapseWarning, collapse_signs
from .errors import CheckpointError, FolderTakenError, NotFiniteError, RunError, RunInterrupted
from .evaluate import SPLITS, Evaluation, check_fit, evaluate, predict
from .fit import fit, free_folder
from .folder import RunFolder
from .module import Classifier
from .optimization import OPTIMIZERS, SCHEDULES
from .recipes import RECIPES, Recipe
from .resume import resume
from .run import Run
from .run_settings import RunSettings
from .settings import TrainingConfig
from .terms import TERMS, BitPenalty, LossTerm, RatePenalty, term_options
from .versions import versions

__all__ = [
    "OPTIMIZERS",
    "RECIPES",
    "SCHEDULES",
    "SPLITS",
    "TERMS",
    "BitPenalty",
    "CheckpointError",
    "Classifier",
    "CollapseWarning",
    "Evaluation",
    "FolderTakenError",
    "LossTerm",
    "NotFiniteError",
    "RatePenalty",
    "Recipe",
    "Run",
    "RunError",
    "RunFolder",
    "RunInterrupted",
    "RunSettings",
    "SafeCheckpointIO",
    "TrainingConfig",
    "check_fit",
    "collapse_signs",
    "evaluate",
    "fit",
    "free_folder",
    "keep_freed_memory",
    "predict",
    "resume",
    "term_options",
    "versions",
]
