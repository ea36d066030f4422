"""Studies: each compares some choices on one task and returns tidy rows."""

from sqnn.experiments.gradient_figure import plot_gradients
from sqnn.experiments.gradient_rules import ALGORITHMS
from sqnn.experiments.gradients import GradientStudy, Training, gradient_study, make_task, summarise, train_student

__all__ = [
    "ALGORITHMS",
    "GradientStudy",
    "Training",
    "gradient_study",
    "make_task",
    "plot_gradients",
    "summarise",
    "train_student",
]
