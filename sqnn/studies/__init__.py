"""Studies: each compares some choices on one task and returns tidy rows."""

from sqnn.studies.conversion.figure import plot_conversion
from sqnn.studies.conversion.study import ConversionFolder, ConversionStudy, conversion_study
from sqnn.studies.encoders.figure import cell_label, plot_encoders
from sqnn.studies.encoders.rows import StudyFolder
from sqnn.studies.encoders.study import WITHOUT, EncoderCell, EncoderStudy, encoder_study, summarise_encoders
from sqnn.studies.gradients.figure import plot_gradients
from sqnn.studies.gradients.study import GradientStudy, Training, gradient_study, make_task, summarise, train_student
from sqnn.studies.layers.figure import plot_layers
from sqnn.studies.layers.study import LayerStudy, layer_study, measure_layers, summarise_layers
from sqnn.studies.layerwise import ENCODED, LAYERED
from sqnn.studies.noise_sweep.cells import Cell, Task, measure
from sqnn.studies.noise_sweep.figure import plot_sweep, strength_label
from sqnn.studies.noise_sweep.frame import SweepFrame
from sqnn.studies.noise_sweep.grid import parse_strengths, split_names
from sqnn.studies.noise_sweep.networks import Subject, open_subjects
from sqnn.studies.noise_sweep.study import DEFAULT_STRENGTH, NoiseSweep, SweepError, noise_sweep, run_cells
from sqnn.studies.noise_sweep.summary import line_names, summarise_sweep, t_interval, wilson_interval
from sqnn.studies.runner.cluster import ClusterError, check_cluster, run_tasks
from sqnn.studies.runner.folder import RowsFolder
from sqnn.studies.runner.table import COLUMNS, ResultsTable, TableError

__all__ = [
    "COLUMNS",
    "DEFAULT_STRENGTH",
    "ENCODED",
    "LAYERED",
    "WITHOUT",
    "Cell",
    "ClusterError",
    "ConversionFolder",
    "ConversionStudy",
    "EncoderCell",
    "EncoderStudy",
    "GradientStudy",
    "LayerStudy",
    "NoiseSweep",
    "ResultsTable",
    "RowsFolder",
    "StudyFolder",
    "Subject",
    "SweepError",
    "SweepFrame",
    "TableError",
    "Task",
    "Training",
    "cell_label",
    "check_cluster",
    "conversion_study",
    "encoder_study",
    "gradient_study",
    "layer_study",
    "line_names",
    "make_task",
    "measure",
    "measure_layers",
    "noise_sweep",
    "open_subjects",
    "parse_strengths",
    "plot_conversion",
    "plot_encoders",
    "plot_gradients",
    "plot_layers",
    "plot_sweep",
    "run_cells",
    "run_tasks",
    "split_names",
    "strength_label",
    "summarise",
    "summarise_encoders",
    "summarise_layers",
    "summarise_sweep",
    "t_interval",
    "train_student",
    "wilson_interval",
]
