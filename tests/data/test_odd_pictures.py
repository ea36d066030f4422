"""Odd picture files: what a person sees in them comes out, or one line says what is wrong."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sqnn.data import DataError, read_images

INK = np.zeros((8, 8), np.uint8)
INK[2:6, 3:5] = 255
"""A drawing, light on dark."""
RED = (200, 20, 20)
GREY = np.arange(64, dtype=np.uint8).reshape(8, 8) * 4


def _alpha(colour: tuple[int, int, int], ink: np.ndarray = INK) -> Image.Image:
    pixels = np.zeros((8, 8, 4), np.uint8)
    pixels[..., :3], pixels[..., 3] = colour, ink
    return Image.fromarray(pixels)


def _dithered() -> Image.Image:
    """A dark drawing whose colour a paint program has rounded here and there."""
    noise = np.random.default_rng(0).integers(0, 20, (8, 8, 3))
    return Image.fromarray(np.dstack([noise, INK]).astype(np.uint8))


def _palette(transparent: bool) -> Image.Image:
    picture = Image.fromarray((INK // 255).astype(np.uint8), "P")
    picture.putpalette([255, 255, 255, 0, 0, 0] if transparent else [0, 0, 0, 255, 255, 255])
    if transparent:
        picture.info["transparency"] = 0
    return picture


def _upside_down() -> Image.Image:
    picture = Image.fromarray(INK[::-1].copy())
    picture.getexif()[0x0112] = 4  # mirrored top to bottom
    return picture


def _cmyk() -> Image.Image:
    """Black paper but for the drawing: key at full where there is none."""
    return Image.fromarray(np.dstack([np.zeros((8, 8, 3), np.uint8), 255 - INK]), "CMYK")


def _save(picture: Image.Image, suffix: str, **options: object) -> bytes:
    stream = io.BytesIO()
    extra = {"exif": picture.getexif()} if len(picture.getexif()) else {}
    picture.save(stream, format=suffix, **extra, **options)
    return stream.getvalue()


WHITE_PAPER = 255 - INK
PICTURES: dict[str, tuple[Callable[[], bytes], np.ndarray | str]] = {
    "black ink on nothing": (lambda: _save(_alpha((0, 0, 0)), "PNG"), INK),
    "white ink on nothing": (lambda: _save(_alpha((255, 255, 255)), "PNG"), INK),
    "grey ink on nothing": (lambda: _save(_alpha((120, 120, 120)), "PNG"), INK),
    "red ink on nothing": (lambda: _save(_alpha(RED), "PNG"), INK // 255 * 74),
    "ink of nearly one colour": (lambda: _save(_dithered(), "PNG"), INK),
    "faint black ink": (lambda: _save(_alpha((0, 0, 0), INK // 4), "PNG"), INK // 4),
    "grey with opacity (LA)": (lambda: _save(_alpha((0, 0, 0)).convert("LA"), "PNG"), INK),
    "opaque RGBA": (lambda: _save(Image.fromarray(INK).convert("RGBA"), "PNG"), INK),
    "transparent WebP": (lambda: _save(_alpha((0, 0, 0)), "WEBP", lossless=True, exact=True), INK),
    "GIF with a transparent colour": (lambda: _save(_palette(True), "GIF", transparency=0), INK),
    "palette": (lambda: _save(_palette(False), "PNG"), INK),
    "two levels": (lambda: _save(Image.fromarray(INK > 0), "PNG"), INK),
    "16 bits, PNG": (lambda: _save(Image.fromarray(INK.astype(np.uint16) * 257), "PNG"), INK),
    "16 bits, TIFF": (lambda: _save(Image.fromarray(GREY.astype(np.uint16) * 257), "TIFF"), GREY),
    "upside down by EXIF": (lambda: _save(_upside_down(), "PNG"), INK),
    "CMYK, TIFF": (lambda: _save(_cmyk(), "TIFF"), INK),
    "CMYK, JPEG": (lambda: _save(_cmyk(), "JPEG", quality=100), INK),
    "black on white paper": (lambda: _save(Image.fromarray(WHITE_PAPER), "BMP"), WHITE_PAPER),
    "colour as grey": (lambda: _save(Image.fromarray(np.dstack([INK] * 3)), "PPM"), INK),
    "empty: transparent everywhere": (lambda: _save(_alpha((0, 0, 0), INK * 0), "PNG"), "one level everywhere"),
    "empty: one colour": (lambda: _save(Image.new("RGB", (8, 8), "white"), "PNG"), "one level everywhere"),
    "several frames": (
        lambda: _save(_palette(False), "GIF", save_all=True, append_images=[_palette(False).rotate(90)]),
        "several pictures in one file",
    ),
    "several pages": (
        lambda: _save(Image.fromarray(INK), "TIFF", save_all=True, append_images=[Image.fromarray(GREY)]),
        "several pictures in one file",
    ),
    "floats": (lambda: _save(Image.fromarray(INK.astype(np.float32)), "TIFF"), "white level is unknown"),
    "PostScript": (lambda: _save(Image.fromarray(INK), "EPS"), "a PostScript program, which is not run"),
    "cut short": (lambda: _save(Image.fromarray(GREY), "PNG")[:45], "not a readable image"),
    "a web page": (lambda: b"<!DOCTYPE html><title>404</title>", "not a readable image"),
    "SVG": (lambda: b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not a readable image"),
    "nothing": (lambda: b"", "not a readable image"),
}


@pytest.mark.parametrize(("write", "expected"), PICTURES.values(), ids=PICTURES)
def test_a_picture_is_what_a_person_sees_or_one_line(
    tmp_path: Path, write: Callable[[], bytes], expected: np.ndarray | str
) -> None:
    path = tmp_path / "odd"
    path.write_bytes(write())
    if isinstance(expected, str):
        with pytest.raises(DataError, match=expected) as caught:
            read_images(path, 1, (8, 8))
        assert len(str(caught.value).splitlines()) == 1
        assert str(path) in str(caught.value)
        assert "0x" not in str(caught.value)
    else:
        levels = read_images(path, 1, (8, 8))[0, 0].numpy() * 255
        np.testing.assert_allclose(levels, expected, atol=3 if path.read_bytes()[:2] == b"\xff\xd8" else 1)


def test_the_colour_of_bright_ink_is_kept(tmp_path: Path) -> None:
    _alpha(RED).save(tmp_path / "red.png")
    levels = read_images(tmp_path / "red.png", 3, (8, 8))[0] * 255
    assert levels[:, 3, 3].round().tolist() == list(RED)
    assert levels[:, 0, 0].tolist() == [0, 0, 0]
