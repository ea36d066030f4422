from .cells import Cell, SweepCell, Task, measure
from .columns import COLUMNS, ResultsTable
from .figure import plot_sweep, strength_label
from .frame import SweepFrame
from .grid import parse_strengths, split_names
from .networks import Subject, open_subjects
from .study import DEFAULT_STRENGTH, NoiseSweep, SweepError
from .summary import line_names, summarise_sweep, wilson_interval
from .sweep import noise_sweep, run_cells

__all__ = [
    "COLUMNS",
    "DEFAULT_STRENGTH",
    "Cell",
    "NoiseSweep",
    "ResultsTable",
    "Subject",
    "SweepCell",
    "SweepError",
    "SweepFrame",
    "Task",
    "line_names",
    "measure",
    "noise_sweep",
    "open_subjects",
    "parse_strengths",
    "plot_sweep",
    "run_cells",
    "split_names",
    "strength_label",
    "summarise_sweep",
    "wilson_interval",
]
