from . import attribution
from .attribution import METHODS, Attribution, attribute

__all__ = ["METHODS", "Attribution", "attribute", "attribution"]
