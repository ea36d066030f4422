"""Studies: each compares some choices on one task and returns tidy rows."""

from sqnn.experiments.cluster import ClusterError, check_cluster, run_tasks
from sqnn.experiments.conversion_benchmark import ConversionTiming, compare_conversion, forward_peaks
from sqnn.experiments.conversion_figure import plot_conversion
from sqnn.experiments.conversion_study import ConversionFolder, ConversionStudy, conversion_study
from sqnn.experiments.conversion_workloads import ConversionSetting
from sqnn.experiments.encoder_figure import cell_label, plot_encoders
from sqnn.experiments.encoder_rows import StudyFolder
from sqnn.experiments.encoder_training import WITHOUT, EncoderCell, EncoderStudy, encoder_study, summarise_encoders
from sqnn.experiments.gradient_figure import plot_gradients
from sqnn.experiments.gradient_rules import ALGORITHMS
from sqnn.experiments.gradients import GradientStudy, Training, gradient_study, make_task, summarise, train_student
from sqnn.experiments.hybrid_benchmark import HybridTiming, compare_hybrid
from sqnn.experiments.hybrid_memory import peak_mib
from sqnn.experiments.hybrid_peers import Peer
from sqnn.experiments.hybrid_workloads import HybridSetting, Workload
from sqnn.experiments.layer_figure import plot_layers
from sqnn.experiments.layer_gradients import LayerStudy, layer_study, measure_layers, summarise_layers
from sqnn.experiments.layered import ENCODED, LAYERED
from sqnn.experiments.rows_folder import RowsFolder
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
    "ENCODED",
    "LAYERED",
    "WITHOUT",
    "Cell",
    "ClusterError",
    "ConversionFolder",
    "ConversionSetting",
    "ConversionStudy",
    "ConversionTiming",
    "EncoderCell",
    "EncoderStudy",
    "GradientStudy",
    "HybridSetting",
    "HybridTiming",
    "LayerStudy",
    "NoiseSweep",
    "Peer",
    "ResultsTable",
    "RowsFolder",
    "StudyFolder",
    "Subject",
    "SweepError",
    "SweepFrame",
    "TableError",
    "Task",
    "Training",
    "Workload",
    "cell_label",
    "check_cluster",
    "compare_conversion",
    "compare_hybrid",
    "conversion_study",
    "encoder_study",
    "forward_peaks",
    "gradient_study",
    "layer_study",
    "line_names",
    "make_task",
    "measure",
    "measure_layers",
    "noise_sweep",
    "open_subjects",
    "parse_strengths",
    "peak_mib",
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
