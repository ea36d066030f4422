from .figure import plot_gradients
from .study import GradientStudy, Training, gradient_study, make_task, summarise, train_student

__all__ = [
    "GradientStudy",
    "Training",
    "gradient_study",
    "make_task",
    "plot_gradients",
    "summarise",
    "train_student",
]
