from .circle.figure import plot_circle
from .circle.study import CircleStudy
from .compare.comparison import Comparison
from .compare.figure import plot_compare
from .compare.frame import CompareFrame
from .compare.runs import compare
from .compare.significance import paired_tests
from .compare.study import CompareStudy
from .compare.tables import paper_table, to_latex, to_markdown
from .conversion.figure import plot_conversion
from .conversion.study import ConversionFolder, ConversionStudy, conversion_study
from .encoders.figure import plot_encoders
from .encoders.study import (
    WITHOUT,
    EncoderCell,
    EncoderStudy,
    StudyFolder,
    cell_label,
    encoder_study,
    summarise_encoders,
)
from .events.figure import plot_events
from .events.likeness import likeness
from .events.study import EventsStudy
from .faithfulness.figure import plot_faithfulness
from .faithfulness.study import FaithfulnessStudy
from .gradients.figure import plot_gradients
from .gradients.study import GradientStudy, Training, gradient_study, make_task, summarise, train_student
from .layers.figure import plot_layers
from .layers.study import LayerStudy, layer_study, measure_layers, summarise_layers
from .layerwise import ENCODED, LAYERED
from .noise_sweep.cells import Cell, SweepCell, Task, measure
from .noise_sweep.columns import COLUMNS, ResultsTable
from .noise_sweep.figure import plot_sweep, strength_label
from .noise_sweep.frame import SweepFrame
from .noise_sweep.grid import parse_strengths, split_names
from .noise_sweep.networks import Subject, open_subjects
from .noise_sweep.study import DEFAULT_STRENGTH, NoiseSweep, SweepError, noise_sweep, run_cells
from .noise_sweep.summary import line_names, summarise_sweep, wilson_interval
from .plasticity.figure import plot_plasticity
from .plasticity.study import PlasticityStudy
from .registry import STUDIES, study
from .runner.cluster import ClusterError, check_cluster, run_tasks
from .runner.folder import RowsFolder
from .runner.frame import StudyFrame
from .runner.intervals import t_interval
from .runner.run import StudyError, run_study
from .runner.study import AnyStudy, Panel, Study
from .runner.table import Schema, StudyTable, TableError
from .seeds.figure import plot_seeds
from .seeds.frame import SeedFrame
from .seeds.published import Published, published_range
from .seeds.study import SeedStudy, command_of, summarise_seeds

__all__ = [
    "COLUMNS",
    "DEFAULT_STRENGTH",
    "ENCODED",
    "LAYERED",
    "STUDIES",
    "WITHOUT",
    "AnyStudy",
    "Cell",
    "CircleStudy",
    "ClusterError",
    "CompareFrame",
    "CompareStudy",
    "Comparison",
    "ConversionFolder",
    "ConversionStudy",
    "EncoderCell",
    "EncoderStudy",
    "EventsStudy",
    "FaithfulnessStudy",
    "GradientStudy",
    "LayerStudy",
    "NoiseSweep",
    "Panel",
    "PlasticityStudy",
    "Published",
    "ResultsTable",
    "RowsFolder",
    "Schema",
    "SeedFrame",
    "SeedStudy",
    "Study",
    "StudyError",
    "StudyFolder",
    "StudyFrame",
    "StudyTable",
    "Subject",
    "SweepCell",
    "SweepError",
    "SweepFrame",
    "TableError",
    "Task",
    "Training",
    "cell_label",
    "check_cluster",
    "command_of",
    "compare",
    "conversion_study",
    "encoder_study",
    "gradient_study",
    "layer_study",
    "likeness",
    "line_names",
    "make_task",
    "measure",
    "measure_layers",
    "noise_sweep",
    "open_subjects",
    "paired_tests",
    "paper_table",
    "parse_strengths",
    "plot_circle",
    "plot_compare",
    "plot_conversion",
    "plot_encoders",
    "plot_events",
    "plot_faithfulness",
    "plot_gradients",
    "plot_layers",
    "plot_plasticity",
    "plot_seeds",
    "plot_sweep",
    "published_range",
    "run_cells",
    "run_study",
    "run_tasks",
    "split_names",
    "strength_label",
    "study",
    "summarise",
    "summarise_encoders",
    "summarise_layers",
    "summarise_seeds",
    "summarise_sweep",
    "t_interval",
    "to_latex",
    "to_markdown",
    "train_student",
    "wilson_interval",
]
