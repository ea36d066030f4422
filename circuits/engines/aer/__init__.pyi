from .engine import AerEngine

__all__ = ["AerEngine"]
