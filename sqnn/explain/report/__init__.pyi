from .explore import explore
from .page import ALL_METHODS, Page, chosen_methods, images_with, make_page, seconds_of
from .story import FORMAT, Story

__all__ = [
    "ALL_METHODS",
    "FORMAT",
    "Page",
    "Story",
    "chosen_methods",
    "explore",
    "images_with",
    "make_page",
    "seconds_of",
]
