"""Named data sets in their three parts."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import torch

from sqnn.core import brief
from sqnn.data.errors import DataError, MissingDataError, seed_number, user_path, whole_number
from sqnn.data.events import framing_from, framing_of
from sqnn.data.images import ImageData, image_set, with_source
from sqnn.data.own import KINDS, load_own
from sqnn.data.sources import DATASETS, PlantedSource, Source, data_root, search_folders
from sqnn.data.splitting import stratified_draw
from sqnn.data.synthetic import synthetic_set

TEST_SHARE = 0.2
"""Part of the images that become the test set where there is no official one."""
TENTH = 0.1
"""Part of the training images that is held out where there are no more than the usual number."""


def load_data(
    name: str | PathLike[str] = "digits",
    data_dir: str | PathLike[str] | None = None,
    *,
    validation: int | None = None,
    split_seed: int = 0,
    download: bool = True,
    test: int | float | None = None,
    size: int | tuple[int, int] | None = None,
    channels: int | None = None,
    synthetic: str | None = None,
    progress: bool = False,
    **framing: Any,
) -> ImageData:
    """Load a named data set, or images of your own by their path, split once and for all into train, validation, test.

    `name` is one of `DATASETS`. `data_dir` is the folder that holds the files; else the environment's SQNN_DATA, else a
    cache folder of this user. `<data_dir>/<name>`, `<data_dir>/<name>/raw`, their torchvision spellings and
    `<data_dir>` itself are looked through in this order; the digits need none. Missing files are fetched from their
    official address where `download` allows it.

    A path is that of a folder of pictures by class (see `ImageData.from_folder`), of event recordings
    (`ImageData.from_events`, whose `timesteps`, `frames_by`, ... are `framing`) or of files (`ImageData.from_file`);
    `test`, `size`, `channels` and `progress` are for these alone. `synthetic="saccades"` or `"nmnist"` makes
    synthetic recordings out of the pictures, and frames of these (see `sqnn.data.simulate_saccades`).

    `validation` training images are held out, stratified by class: 5,000 by default (a tenth where there are no more),
    180 of the digits. `split_seed` decides which, and for the digits also which fifth of all is the test set; official
    test sets stay whole.

    Raises DataError where an argument is out of range, files are missing, or a file's content belies its name.
    """
    framing_from(framing)
    made = framing if synthetic is None else {}
    if is_path(name):
        if data_dir is not None:
            raise DataError(f"data_dir: got {brief(data_dir)} beside the path {str(name)!r}, expected the path alone")
        parts = load_own(
            name,
            size=size,
            channels=channels,
            validation=validation,
            test=test,
            seed=split_seed,
            progress=progress,
            **made,
        )
        data = image_set(parts)
    else:
        source = DATASETS.pick(name, "name", DataError)
        for option, value in (("size", size), ("channels", channels), ("test", test), *made.items()):
            if value is not None:
                expected = "expected it for a path of your own data alone"
                raise DataError(f"{option}: got {brief(value)} for {source.name}, {expected}")
        data = _published(source, data_dir, validation, split_seed, download)
    return data if synthetic is None else synthetic_set(data, synthetic, progress, **framing)


def _published(
    source: Source, data_dir: str | PathLike[str] | None, validation: int | None, split_seed: int, download: bool
) -> ImageData:
    """Return a published data set in its three parts, with where it came from."""
    split_seed = seed_number("split_seed", split_seed)
    generator = torch.Generator().manual_seed(split_seed)
    others = [folder for other in DATASETS.values() for folder in other.folders]
    others = [folder for folder in others if folder not in source.folders]
    folders = search_folders(data_root(data_dir), source.folders, others) if source.folders else ()
    learn, official = source.read(folders, download)
    if official is None:
        held_out, rest = stratified_draw(learn.labels, round(TEST_SHARE * len(learn)), generator)
        learn, official = learn.take(rest), learn.take(held_out)
    fits = source.validation < len(learn)
    count = (source.validation if fits else round(TENTH * len(learn))) if validation is None else validation
    count = whole_number("validation", count, 0, len(learn) - 1)
    chosen, rest = stratified_draw(learn.labels, count, generator)
    parts = (learn.take(rest), learn.take(chosen), official)
    data = ImageData(source.name, *parts, source.classes, planted=isinstance(source, PlantedSource))
    stored: dict[str, str | int] = {"name": source.name}
    if data_dir is not None:
        stored["data_dir"] = str(user_path("data_dir", data_dir).resolve())
    if validation is not None:
        stored["validation"] = count
    if split_seed:
        stored["split_seed"] = split_seed
    return with_source(data, stored)


def is_path(name: object) -> bool:
    """Say whether images are meant by their path and not by their name: a name comes before a folder called so."""
    if isinstance(name, PathLike):
        return True
    if not isinstance(name, str) or not name or name in DATASETS:
        return False
    try:
        return Path(name).expanduser().exists()
    except (OSError, RuntimeError):  # too long for a path, or the home of nobody
        return False


def can_load(source: Mapping[str, Any]) -> bool:
    """Say whether `load_source` may find these images, which arrays in memory no longer are."""
    return "path" in source or ("kind" not in source and source.get("name", "digits") in DATASETS)


def load_source(
    source: Mapping[str, Any], data_dir: str | PathLike[str] | None = None, path: str | PathLike[str] | None = None
) -> ImageData:
    """Load the images that `ImageData.source` describes; files are looked for in `data_dir`, or at another `path`.

    Raises DataError where it describes none that can be loaded, TypeError where it has options that no loading has.
    """
    if "kind" not in source:
        return load_data(**{**source, **({"data_dir": data_dir} if data_dir else {})})
    if path is None and "path" not in source:
        raise DataError(
            f"data: {brief(source.get('name'))} were arrays in memory; give the images themselves, or a path"
        )
    options = {name: value for name, value in source.items() if name not in ("name", "kind", "path", "synthetic")}
    synthetic = source.get("synthetic")
    framing = {} if synthetic is None else {name: options.pop(name) for name in framing_of(source)}
    kinds = (source["kind"],) if path is None and source["kind"] in KINDS else KINDS
    try:
        data = image_set(load_own(source["path"] if path is None else path, kinds, **options))
        return data if synthetic is None else synthetic_set(data, synthetic, **framing)
    except MissingDataError as error:
        raise DataError(f"{error}; where the images have moved, give their new path (--data PATH)") from error
