from .agreement import LEAST_RANKED, rank_correlation, share_inside
from .badges import ADDS_UP, BADGES, OTHER_CLASS, REPEATS, Interval, paired_bootstrap, summarise_methods
from .compare import MethodComparison, MethodWarning, broke_off, compare_methods, measure_part, subject_of
from .deletion import Curves, deletion, deletion_answers, removal_ranks
from .figure import draw_methods
from .maps import BASELINES, INK, INTENSITY, RANDOM, MapMaker, Maps, ink, make_maps, shortfall
from .measure import MEASURES, TRAINED, QualityOptions, QualitySubject, measure_maps
from .methods import makers_of
from .randomisation import randomised
from .robustness import infidelity, sensitivity

__all__ = [
    "ADDS_UP",
    "BADGES",
    "BASELINES",
    "INK",
    "INTENSITY",
    "LEAST_RANKED",
    "MEASURES",
    "OTHER_CLASS",
    "RANDOM",
    "REPEATS",
    "TRAINED",
    "Curves",
    "Interval",
    "MapMaker",
    "Maps",
    "MethodComparison",
    "MethodWarning",
    "QualityOptions",
    "QualitySubject",
    "broke_off",
    "compare_methods",
    "deletion",
    "deletion_answers",
    "draw_methods",
    "infidelity",
    "ink",
    "make_maps",
    "makers_of",
    "measure_maps",
    "measure_part",
    "paired_bootstrap",
    "randomised",
    "rank_correlation",
    "removal_ranks",
    "sensitivity",
    "share_inside",
    "shortfall",
    "subject_of",
    "summarise_methods",
]
