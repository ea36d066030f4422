from .figure import plot_seeds
from .frame import SeedFrame
from .published import Published, published_range
from .settings import DIGITS, VARIED, as_text, as_words, parse_seeds, parse_settings, plain, plan
from .study import SeedStudy, command_of, summarise_seeds

__all__ = [
    "DIGITS",
    "VARIED",
    "Published",
    "SeedFrame",
    "SeedStudy",
    "as_text",
    "as_words",
    "command_of",
    "parse_seeds",
    "parse_settings",
    "plain",
    "plan",
    "plot_seeds",
    "published_range",
    "summarise_seeds",
]
