"""Pictures as a person sees them: upright, in eight bits, on black where they are transparent."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from sqnn.data.errors import DataError, reason

MODES = MappingProxyType({1: "L", 3: "RGB"})
"""Pillow's name of a picture with so many channels."""
BYTE_LEVEL = 255
WORD_LEVEL = 65535
"""Full intensity of a 16-bit picture."""
MOST_PIXELS = 2**26
"""Pixels of the largest picture that is read: 67 million, a large photograph."""
PIXELS_PER_BYTE = 2**14
"""What no picture's compression reaches: a header that announces more is damaged."""
EVEN, DARK = 32, 64
"""Levels within which a colour is one colour, and below which it is dark."""
ONE_VIEW = ("MPO",)
"""Formats whose further pictures are views of the first, as cameras save them."""


def read_picture(file: Path, channels: int = 3, size: tuple[int, int] | None = None) -> NDArray[np.uint8]:
    """Return a picture as levels [channels, height, width], resized to `size` (height, width) where one is given.

    It is turned upright (EXIF), brought to 8 bits, and laid on black where it is transparent; a drawing in one dark or
    grey colour on a transparent ground is taken from its opacity, light on black. Raises DataError where it cannot be
    read, has several pages, or announces more pixels than its file can hold.
    """
    if not file.is_file():
        raise DataError(f"{file}: not a file, expected a picture")
    try:
        # Pillow's remarks on damaged files go to nobody: what cannot be read is an error. From bytes, because of a file
        # Pillow takes as much memory as a part of it announces.
        with warnings.catch_warnings(action="ignore"), Image.open(io.BytesIO(file.read_bytes())) as opened:
            _check_size(opened, file)
            picture = _opaque(_eight_bit(ImageOps.exif_transpose(opened), file)).convert(MODES[channels])
            if size is not None:
                picture = picture.resize((size[1], size[0]), Image.Resampling.LANCZOS)
            levels = np.array(picture, dtype=np.uint8)
    except DataError:
        raise
    except UnidentifiedImageError as error:  # which names the place in memory of what it read
        raise DataError(f"{file}: not a readable image (of no known format); expected a PNG or JPEG") from error
    except Exception as error:  # each of Pillow's decoders has errors of its own for damaged files
        raise DataError(f"{file}: not a readable image ({reason(error)}); expected a PNG or JPEG") from error
    return np.ascontiguousarray(levels.reshape(*levels.shape[:2], channels).transpose(2, 0, 1))


def _check_size(picture: Image.Image, file: Path) -> None:
    """Raise DataError where a picture announces more pixels than are read, or than its file can hold."""
    pixels = picture.width * picture.height
    if pixels > min(MOST_PIXELS, PIXELS_PER_BYTE * file.stat().st_size):
        size = f"{picture.width:,} x {picture.height:,}"
        raise DataError(f"{file}: announces {size} pixels, expected at most {MOST_PIXELS:,}, and a whole file of them")
    if picture.format == "EPS":
        raise DataError(f"{file}: a PostScript program, which is not run to see its picture; save it as PNG")
    if getattr(picture, "is_animated", False) and picture.format not in ONE_VIEW:
        raise DataError(f"{file}: several pictures in one file, expected one; save each in a file of its own")


def _eight_bit(picture: Image.Image, file: Path) -> Image.Image:
    """Bring 16-bit pictures to 8 bits in proportion; Pillow's own conversion may cut bright levels off."""
    if picture.mode == "F":
        raise DataError(f"{file}: a floating-point picture, whose white level is unknown; save it as PNG")
    if not picture.mode.startswith("I"):
        return picture
    levels = np.asarray(picture).astype(np.float64) * (BYTE_LEVEL / WORD_LEVEL)
    return Image.fromarray(np.clip(np.rint(levels), 0, BYTE_LEVEL).astype(np.uint8))


def _opaque(picture: Image.Image) -> Image.Image:
    """Return a picture without transparency: laid on black, or the ink alone of a drawing in one dark or grey colour.

    Laid on black such a drawing would be lost. What is hardly opaque has no colour that anybody chose.
    """
    if picture.mode not in ("RGBA", "RGBa", "LA", "La", "PA") and "transparency" not in picture.info:
        return picture
    picture = picture.convert("RGBA")
    pixels = np.asarray(picture)
    ink = pixels[..., 3]
    if ink.min() < ink.max():
        seen = pixels[..., :3][ink >= ink.max() / 2].astype(np.int16)
        low, high = seen.min(0), seen.max(0)
        if (high - low).max() <= EVEN and (high.max() < DARK or high.max() - low.min() <= EVEN):
            return Image.fromarray(np.ascontiguousarray(ink))
    return Image.alpha_composite(Image.new("RGBA", picture.size, "black"), picture)
