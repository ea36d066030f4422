from .cone import plot_cone
from .picture import Picture
from .text import draw_text

__all__ = ["Picture", "draw_text", "plot_cone"]
