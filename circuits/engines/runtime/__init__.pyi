from .engine import RuntimeEngine

__all__ = ["RuntimeEngine"]
