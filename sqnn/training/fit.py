"""Training of a network, and the continuation of a run that was killed."""

from __future__ import annotations

import itertools
import json
import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from torch import Tensor, nn

from sqnn.core import ConfigError, require, write_text
from sqnn.data import ImageData, ImageDataModule
from sqnn.metrics import count
from sqnn.models import init_weights, load_weights, model_class, model_name, save_model
from sqnn.training.allocator import keep_freed_memory
from sqnn.training.checkpoints import EpochCheckpoint, SafeCheckpointIO
from sqnn.training.errors import RunError
from sqnn.training.evaluate import check_fit, measure, require_network
from sqnn.training.folder import RunFolder
from sqnn.training.module import Classifier
from sqnn.training.quiet import quiet
from sqnn.training.run import Run
from sqnn.training.run_settings import RunSettings
from sqnn.training.settings import TrainingConfig
from sqnn.training.terms import LossTerm, split_terms
from sqnn.training.trainer import make_trainer, user_callbacks
from sqnn.training.versions import versions

RUNS = Path("runs")


def fit(
    model: nn.Module,
    data: ImageData,
    *,
    terms: Sequence[LossTerm] = (),
    callbacks: Sequence[pl.Callback] = (),
    out: str | Path | None = None,
    progress: bool = True,
    trainer: Mapping[str, object] | None = None,
    data_source: Mapping[str, str | int] | None = None,
    **training: object,
) -> Run:
    """Train `model` on `data.train`, choose the epoch by `data.validation`, read `data.test` once; return the Run.

    `training` are fields of TrainingConfig (epochs, batch_size, learning_rate, seed, ...); one that is left out is what
    the network's class states in `training_defaults`, or else TrainingConfig's default. `terms` are losses added to
    cross-entropy, such as BitPenalty(0.2). `callbacks` are Lightning's, such as EarlyStopping("validation_loss"), and
    join the run's own. `trainer` goes to `lightning.Trainer` (accelerator, devices, strategy, logger, ...).

    `out` is the run's folder, by default the first free of runs/<model>-<data>-<n>. `model`, in training mode
    throughout, ends with the weights of its best epoch. Weights that the seed does not draw are stored with the run, to
    resume from. From then on the process keeps memory that it frees (see `keep_freed_memory`).

    Raises ConfigError on settings that do not fit, RunError where `out` cannot take the run, NotFiniteError where the
    loss or the weights become infinite or NaN.
    """
    check_fit(model, data)
    if data_source is not None:
        message = "data_source: is no longer needed; load_data notes it in ImageData.source"
        warnings.warn(message, DeprecationWarning, stacklevel=2)
    weights, training = split_terms(training)
    config = TrainingConfig.for_model(model_class(model_name(model)), training)
    if len(data.train) < 2 or not len(data.validation) or not len(data.test):
        raise ConfigError(f"data: got {data!r}, expected two or more training images, and validation and test images")
    settings = RunSettings(
        model=model_name(model),
        config=require_network(model),
        training=config,
        data={**(data.source or {"name": data.name}), **(data_source or {})},
        data_sha256=data.fingerprint,
        terms=_checked_terms((*terms, *weights)),
        callbacks=_names(callbacks, trainer),
    )
    place = RunFolder(Path(out) if out is not None else free_folder(model, data))
    # Trainer and loss come first: options that they refuse leave no folder.
    loop = _trainer(config, place, progress, trainer, callbacks)
    module = Classifier(model, config, data.num_classes, settings.terms)
    begun_with = None
    if not _same_weights(model, settings.build()):
        settings, begun_with = replace(settings, initial=place.initial.name), model
    if loop.is_global_zero:
        place.create(settings, begun_with)
    return _run(loop, module, data, place, checkpoint=None)


def resume(
    folder: str | Path,
    data: ImageData | None = None,
    *,
    terms: Sequence[LossTerm] = (),
    callbacks: Sequence[pl.Callback] = (),
    data_dir: str | Path | None = None,
    progress: bool = True,
    trainer: Mapping[str, object] | None = None,
) -> Run:
    """Continue the run in `folder` after its last finished epoch; the weights end as if nothing had happened.

    `data` must be the images that the run began with; left out, they are loaded by the name and options stored with the
    run. Callbacks are not stored: pass those of the run again, and so loss terms of your own. Raises RunError where the
    folder holds no run.
    """
    place = RunFolder(Path(folder))
    values = place.read_settings()
    if place.result.is_file():
        raise RunError(f"run: {place.path} has finished; there is nothing to resume")
    settings = place.run_settings(values, terms)
    model = settings.build()
    if data is None:
        data = place.load_data(data_dir)
    check_fit(model, data)
    if settings.data_sha256 != data.fingerprint:
        raise RunError(
            f"data: got {data!r}, expected the images that {place.path} began with; pass them as data (a subset, or "
            f"another validation part, cannot be loaded by its name)"
        )
    missing = [name for name in settings.callbacks if name not in _names(callbacks, trainer)]
    if missing:
        warnings.warn(
            f"callbacks: {place.path} began with {', '.join(missing)}, which is not stored; pass it again to end as "
            "the undisturbed run would: resume(folder, callbacks=[...])",
            stacklevel=2,
        )
    if place.last.is_file():
        load_weights(model, _weights(SafeCheckpointIO().load_checkpoint(place.last)), str(place.last))
    elif settings.initial is not None:
        init_weights(model, place.initial)
    loop = _trainer(settings.training, place, progress, trainer, callbacks)
    module = Classifier(model, settings.training, data.num_classes, settings.terms)
    place.remove_partials()
    return _run(loop, module, data, place, checkpoint=str(place.last) if place.last.is_file() else None)


def free_folder(model: nn.Module, data: ImageData) -> Path:
    """Return the first folder runs/<model>-<data>-<n> that does not exist."""
    folders = (RUNS / f"{model_name(model)}-{data.name}-{number}" for number in itertools.count(1))
    return next(folder for folder in folders if not folder.exists())


def _checked_terms(terms: tuple[LossTerm, ...]) -> tuple[LossTerm, ...]:
    for term in terms:
        require(isinstance(term, LossTerm), "terms", term, "loss terms, such as BitPenalty(0.2)")
    names = [term.name for term in terms]
    require(len(set(names)) == len(names), "terms", names, "each term once")
    return terms


def _names(callbacks: object, trainer: Mapping[str, object] | None) -> tuple[str, ...]:
    """Return the class names of a user's callbacks."""
    both = [*user_callbacks(callbacks), *user_callbacks((trainer or {}).get("callbacks"))]
    return tuple(type(callback).__name__ for callback in both)


def _trainer(
    config: TrainingConfig,
    place: RunFolder,
    progress: bool,
    options: Mapping[str, object] | None,
    callbacks: Sequence[pl.Callback],
) -> pl.Trainer:
    best = EpochCheckpoint(
        place.checkpoints, "best", "validation_accuracy", mode="max", save_top_k=1, enable_version_counter=False
    )
    last = EpochCheckpoint(place.checkpoints, "last", save_on_train_epoch_end=True, enable_version_counter=False)
    with quiet():
        return make_trainer(
            options,
            progress,
            [best, last, *user_callbacks(callbacks, [best])],
            max_epochs=config.epochs,
            logger=[CSVLogger(place.logs, "csv"), TensorBoardLogger(place.logs, "tensorboard")],
            plugins=[SafeCheckpointIO()],
            gradient_clip_val=config.gradient_clip or None,
            num_sanity_val_steps=0,
            log_every_n_steps=10,
        )


def _weights(checkpoint: dict[str, Any]) -> dict[str, Tensor]:
    """Return the network's weights out of a checkpoint of the training module."""
    prefix = "model."
    return {name.removeprefix(prefix): t for name, t in checkpoint["state_dict"].items() if name.startswith(prefix)}


def _same_weights(one: nn.Module, other: nn.Module) -> bool:
    """Say whether two networks have the same weights and buffers, to the last bit."""
    ours, theirs = one.state_dict(), other.state_dict()
    return ours.keys() == theirs.keys() and all(torch.equal(ours[name].cpu(), theirs[name]) for name in ours)


def _run(loop: pl.Trainer, module: Classifier, data: ImageData, place: RunFolder, checkpoint: str | None) -> Run:
    model, config = module.model, module.training_config
    started = time.perf_counter()
    keep_freed_memory()
    with quiet():
        # Lightning leaves every part in its mode, and a network that was read from a file comes in evaluation mode.
        loop.fit(
            module.train(),
            ImageDataModule(data, config.batch_size, config.seed, augmentation=config.augmentation),
            ckpt_path=checkpoint,
        )
    best = next(c for c in loop.checkpoint_callbacks if isinstance(c, EpochCheckpoint) and c.monitor)
    chosen = SafeCheckpointIO().load_checkpoint(place.best)
    load_weights(model.cpu(), _weights(chosen), str(place.best))
    model.eval()
    save_model(model, place.model, data.classes)
    score = measure(model, data, "test", loop)
    result = {
        "model": model_name(model),
        "data": data.name,
        "classes": list(data.classes),
        "parameters": count(model).to_dict(),
        "epochs": loop.current_epoch,
        "seed": config.seed,
        "best_epoch": int(chosen["epoch"]) + 1,
        "validation_accuracy": float(torch.as_tensor(best.best_model_score)),
        "test_accuracy": score.accuracy,
        "test_loss": score.loss,
        "confusion": score.confusion,
        "seconds": round(time.perf_counter() - started, 3),
        "versions": versions(),
    }
    write_text(place.result, json.dumps(result, indent=1))
    run = Run(place.path, model, result, place.read_history())
    run.plot(place.picture)
    return run
