"""Studies: each compares some choices on one task and returns tidy rows."""

from sqnn.experiments.cluster import ClusterError, check_cluster, run_tasks
from sqnn.experiments.gradient_figure import plot_gradients
from sqnn.experiments.gradient_rules import ALGORITHMS
from sqnn.experiments.gradients import GradientStudy, Training, gradient_study, make_task, summarise, train_student
from sqnn.experiments.sweep import DEFAULT_STRENGTH, NoiseSweep, SweepError, noise_sweep, run_cells
from sqnn.experiments.sweep_cells import Cell, Task, measure
from sqnn.experiments.sweep_figure import plot_sweep, strength_label
from sqnn.experiments.sweep_frame import SweepFrame
from sqnn.experiments.sweep_grid import parse_strengths, split_names
from sqnn.experiments.sweep_networks import Subject, open_subjects
from sqnn.experiments.sweep_summary import line_names, summarise_sweep, t_interval, wilson_interval
from sqnn.experiments.table import COLUMNS, ResultsTable, TableError

__all__ = [
    "ALGORITHMS",
    "COLUMNS",
    "DEFAULT_STRENGTH",
    "Cell",
    "ClusterError",
    "GradientStudy",
    "NoiseSweep",
    "ResultsTable",
    "Subject",
    "SweepError",
    "SweepFrame",
    "TableError",
    "Task",
    "Training",
    "check_cluster",
    "gradient_study",
    "line_names",
    "make_task",
    "measure",
    "noise_sweep",
    "open_subjects",
    "parse_strengths",
    "plot_gradients",
    "plot_sweep",
    "run_cells",
    "run_tasks",
    "split_names",
    "strength_label",
    "summarise",
    "summarise_sweep",
    "t_interval",
    "train_student",
    "wilson_interval",
]
