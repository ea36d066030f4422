from .cluster import ClusterError, check_cluster, run_tasks
from .folder import RowsFolder
from .frame import StudyFrame
from .intervals import CONFIDENCE, geometric_mean, t_interval
from .panels import BANDS, Labels, Panels, require_spread, spread
from .run import StudyError, measure_cells, run_study
from .study import AnyStudy, Panel, Study
from .subject import open_network
from .table import Kind, Schema, StudyTable, TableError, kinds
from .training import collapse_in_words, finished_run
from .whole import WholeTable

__all__ = [
    "BANDS",
    "CONFIDENCE",
    "AnyStudy",
    "ClusterError",
    "Kind",
    "Labels",
    "Panel",
    "Panels",
    "RowsFolder",
    "Schema",
    "Study",
    "StudyError",
    "StudyFrame",
    "StudyTable",
    "TableError",
    "WholeTable",
    "check_cluster",
    "collapse_in_words",
    "finished_run",
    "geometric_mean",
    "kinds",
    "measure_cells",
    "open_network",
    "require_spread",
    "run_study",
    "run_tasks",
    "spread",
    "t_interval",
]
