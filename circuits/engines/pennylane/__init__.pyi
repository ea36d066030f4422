from .engine import PennyLaneEngine, build_qnode
from .gradients import DIFF_METHODS

__all__ = ["DIFF_METHODS", "PennyLaneEngine", "build_qnode"]
