from .accuracy import (
    EVALUATION_BATCH,
    EVALUATION_SEED,
    Evaluation,
    evaluating,
    predict_logits,
    run_batches,
    score_logits,
    wilson_interval,
)
from .anytime import Anytime, Stopped, StoppingRule, anytime
from .confusion import draw_confusion, figure_of
from .dead_units import ANGLES, DeadUnits, dead_units
from .operations import ENERGY_MODELS, OPERATIONS, OperationCount, OperationCounts, count_operations
from .own_network import LOUDER, TRIED, SilenceWarning, check_own, same_for_all, unanswered
from .parameters import ParameterCount, count
from .score import Score, score

__all__ = [
    "ANGLES",
    "ENERGY_MODELS",
    "EVALUATION_BATCH",
    "EVALUATION_SEED",
    "LOUDER",
    "OPERATIONS",
    "TRIED",
    "Anytime",
    "DeadUnits",
    "Evaluation",
    "OperationCount",
    "OperationCounts",
    "ParameterCount",
    "Score",
    "SilenceWarning",
    "Stopped",
    "StoppingRule",
    "anytime",
    "check_own",
    "count",
    "count_operations",
    "dead_units",
    "draw_confusion",
    "evaluating",
    "figure_of",
    "predict_logits",
    "run_batches",
    "same_for_all",
    "score",
    "score_logits",
    "unanswered",
    "wilson_interval",
]
