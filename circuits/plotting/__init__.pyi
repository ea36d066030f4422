from .circuit import plot_circuit
from .cone import plot_cone
from .picture import Picture, panel
from .text import draw_text

__all__ = ["Picture", "draw_text", "panel", "plot_circuit", "plot_cone"]
