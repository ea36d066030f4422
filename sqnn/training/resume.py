"""The continuation of a run that was killed."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import lightning.pytorch as pl

from sqnn.core import path_of
from sqnn.data import ImageData
from sqnn.models import Make, init_weights, load_weights
from sqnn.training.checkpoints import SafeCheckpointIO
from sqnn.training.errors import RunError
from sqnn.training.evaluate import check_fit
from sqnn.training.folder import RunFolder
from sqnn.training.lightning_options import callback_names, lightning_options
from sqnn.training.module import Classifier
from sqnn.training.run import Run
from sqnn.training.session import arithmetic_in, train, trainer_for, weights_in
from sqnn.training.terms import LossTerm, loss_terms


def resume(
    folder: str | Path,
    data: ImageData | None = None,
    *,
    model: Make | None = None,
    terms: LossTerm | Iterable[LossTerm] | None = (),
    callbacks: pl.Callback | Sequence[pl.Callback] | None = (),
    data_dir: str | Path | None = None,
    progress: bool = True,
    trainer: Mapping[str, object] | None = None,
    other_arithmetic: bool = False,
) -> Run:
    """Continue the run in `folder` after its last finished epoch.

    `model` makes the network of a run that trains one of your own: a function or a class without arguments, or such a
    network, whose weights are replaced. `data` must be the images that the run began with; left out, they are loaded by
    the name and options stored with the run. Callbacks, options of `trainer` and loss terms of your own are not stored:
    pass those of the run again, and the weights end as if nothing had happened. A finished run gets the picture that it
    lacks. By other kernels (`SQNN_KERNELS`), or on another device, a run would end elsewhere: it goes on so only with
    `other_arithmetic=True`, and its result names both. Raises RunError where that is not given, where the folder holds
    no run, or a finished one that lacks nothing, and where another process is at work there.
    """
    place = RunFolder(path_of("folder", folder))
    options = lightning_options(trainer)
    values = place.read_settings()
    if place.result.is_file() and place.model.is_file():
        return _complete(place, model)
    settings = place.run_settings(values, loss_terms(terms))
    network = settings.build(model)
    if data is None:
        data = place.load_data(data_dir)
    check_fit(network, data, learns=True)
    place.check_data(data, values)
    missing = [name for name in settings.callbacks if name not in callback_names(callbacks, options)]
    if missing:
        stored, them = ("are not stored", "them") if len(missing) > 1 else ("is not stored", "it")
        warnings.warn(
            f"callbacks: {place.path} began with {', '.join(missing)}, which {stored}; pass {them} again to end as "
            "the undisturbed run would: resume(folder, callbacks=[...])",
            stacklevel=2,
        )
    loop = trainer_for(settings, place, progress, options, callbacks, network)
    module = Classifier(network, settings.training, data.num_classes, settings.terms)
    with place.at_work() if loop.is_global_zero else contextlib.nullcontext():
        if place.result.is_file() and place.model.is_file():  # by another process, meanwhile
            return _complete(place, model)
        if place.last.is_file():
            last = SafeCheckpointIO(place.settings).load_checkpoint(place.last)
            if not other_arithmetic:  # before anything of the network is changed
                arithmetic_in(loop).check(last, place.path)
            load_weights(network, weights_in(last), str(place.last))
        elif settings.initial is not None:
            init_weights(network, place.initial)
        return train(loop, module, data, place, checkpoint=str(place.last) if place.last.is_file() else None)


def _complete(place: RunFolder, model: Make | None) -> Run:
    """Draw the picture of a finished run that has none; RunError where it has one."""
    if place.picture.is_file():
        raise RunError(f"run: {place.path} has finished; there is nothing to resume")
    run = Run.load(place.path, model)
    run.plot(place.picture)
    return run
