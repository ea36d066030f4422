"""Front-ends written in other libraries: how each is called, and one module that makes features of any of them."""

from sqnn.layers.frontends.base import Convention, Recorded, is_of, recorded, stepwise
from sqnn.layers.frontends.front_end import POOLS, FrontEnd
from sqnn.layers.frontends.registry import CONVENTIONS, LIBRARIES, convention_of, libraries_of

__all__ = [
    "CONVENTIONS",
    "LIBRARIES",
    "POOLS",
    "Convention",
    "FrontEnd",
    "Recorded",
    "convention_of",
    "is_of",
    "libraries_of",
    "recorded",
    "stepwise",
]
