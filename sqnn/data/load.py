"""Named data sets in their three parts."""

from __future__ import annotations

from os import PathLike

import torch

from sqnn.data.errors import DataError, seed_number, user_path, whole_number
from sqnn.data.images import ImageData, with_source
from sqnn.data.sources import DATASETS
from sqnn.data.sources.locate import data_root, search_folders
from sqnn.data.splitting import stratified_draw

TEST_SHARE = 0.2
"""Part of the images that become the test set where there is no official one."""


def load_data(
    name: str = "digits",
    data_dir: str | PathLike[str] | None = None,
    *,
    validation: int | None = None,
    split_seed: int = 0,
    download: bool = True,
) -> ImageData:
    """Load a named data set, split once and for all into train, validation and test.

    `name` is one of `DATASETS`. `data_dir` is the folder that holds the files; else the environment's SQNN_DATA, else a
    cache folder of this user. `<data_dir>/<name>`, `<data_dir>/<name>/raw`, their torchvision spellings and
    `<data_dir>` itself are looked through in this order; the digits need none. Missing files are fetched from their
    official address where `download` allows it.

    `validation` training images are held out, stratified by class: 5,000 by default, 180 of the digits. `split_seed`
    decides which, and for the digits also which fifth of all is the test set; official test sets stay whole.

    Raises DataError where an argument is out of range, files are missing, or a file's content belies its name.
    """
    source = DATASETS.pick(name, "name", DataError)
    split_seed = seed_number("split_seed", split_seed)
    generator = torch.Generator().manual_seed(split_seed)
    others = [folder for other in DATASETS.values() if other is not source for folder in other.folders]
    folders = search_folders(data_root(data_dir), source.folders, others) if source.folders else ()
    learn, test = source.read(folders, download)
    if test is None:
        held_out, rest = stratified_draw(learn.labels, round(TEST_SHARE * len(learn)), generator)
        learn, test = learn.take(rest), learn.take(held_out)
    count = source.validation if validation is None else validation
    count = whole_number("validation", count, 0, len(learn) - 1)
    chosen, rest = stratified_draw(learn.labels, count, generator)
    data = ImageData(name, learn.take(rest), learn.take(chosen), test, source.classes)
    options: dict[str, str | int] = {"name": name}
    if data_dir is not None:
        options["data_dir"] = str(user_path("data_dir", data_dir).resolve())
    if validation is not None:
        options["validation"] = count
    if split_seed:
        options["split_seed"] = split_seed
    return with_source(data, options)
