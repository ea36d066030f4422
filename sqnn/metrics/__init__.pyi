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
from .effective import EffectiveParameters, effective_parameters
from .operation_counts import ENERGY_MODELS, OPERATIONS, OperationCount, OperationCounts, count_operations
from .own_network import LOUDER, TRIED, SilenceWarning, check_own, same_for_all, unanswered
from .parameters import ParameterCount, count
from .products import operations
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
    "EffectiveParameters",
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
    "effective_parameters",
    "evaluating",
    "figure_of",
    "operations",
    "predict_logits",
    "run_batches",
    "same_for_all",
    "score",
    "score_logits",
    "unanswered",
    "wilson_interval",
]
