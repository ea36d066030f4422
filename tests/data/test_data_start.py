"""The door of the room is light: what is heavy is loaded when it is used."""

from __future__ import annotations

from light import HEAVY, WITHOUT_TOP, begins_to_load, heavy_after


def test_the_door_is_light_and_what_needs_it_loads_it() -> None:
    names = "AUGMENTATIONS, DATASETS, MAX_BATCH, DataError, ImageData, Split, load_data"
    assert heavy_after(f"from sqnn.data import {names}", "from sqnn.data import read_images") == [[], ["PIL"]]


def test_the_loop_of_batches_loads_lightning() -> None:
    assert "lightning" in HEAVY
    assert begins_to_load(f"{WITHOUT_TOP}from sqnn.data import ImageDataModule", "lightning")
    assert not begins_to_load(f"{WITHOUT_TOP}from sqnn.data import ImageData", "lightning")
