"""The door of the room is light: what is heavy is loaded when it is used."""

from __future__ import annotations

from light import heavy_after


def test_named_data_load_nothing_heavy() -> None:
    names = "AUGMENTATIONS, DATASETS, MAX_BATCH, DataError, ImageData, Split, load_data"
    assert heavy_after(f"from sqnn.data import {names}") == []


def test_what_needs_it_loads_it() -> None:
    assert "lightning" in heavy_after("from sqnn.data import ImageDataModule")
    assert heavy_after("from sqnn.data import read_images") == ["PIL"]
