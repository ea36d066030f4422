"""Laws are checked on drawn examples; how long one takes is not a law."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
