"""Train a network, or go on where a killed run stopped."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from torch import nn

from sqnn.core import ConfigError, write_text
from sqnn.data import ImageData, ImageDataModule
from sqnn.metrics import count
from sqnn.models import build, init_weights, load_weights, model_class, model_name, save_model
from sqnn.training.allocator import keep_freed_memory
from sqnn.training.checkpoints import EpochCheckpoint, SafeCheckpointIO
from sqnn.training.evaluate import check_fit, evaluate
from sqnn.training.folder import RunError, RunFolder
from sqnn.training.module import Classifier
from sqnn.training.quiet import quiet
from sqnn.training.run import Run
from sqnn.training.settings import TrainingConfig
from sqnn.training.trainer import make_trainer
from sqnn.training.versions import versions

RUNS = Path("runs")


def fit(
    model: nn.Module,
    data: ImageData,
    *,
    out: str | Path | None = None,
    progress: bool = True,
    trainer: dict[str, Any] | None = None,
    data_source: dict[str, Any] | None = None,
    **training: Any,
) -> Run:
    """Train `model` on `data.train`, choose the epoch by `data.validation`, read `data.test` once; return the Run.

    `training` are fields of TrainingConfig (epochs, batch_size, learning_rate, seed, ...); one that is left out is what
    the network's class states in `training_defaults`, or else TrainingConfig's default. `out` is the run's folder, by
    default the first free of runs/<model>-<data>-<n>. `trainer` goes to `lightning.Trainer` (accelerator, devices,
    strategy, ...). `model`, in training mode throughout, ends with the weights of its best epoch. Weights that the seed
    does not draw are stored with the run, to resume from. From then on the process keeps memory that it frees (see
    `keep_freed_memory`).

    Raises ConfigError on settings that do not fit, RunError where `out` cannot take the run, NotFiniteError where the
    loss or the weights become infinite or NaN.
    """
    config = TrainingConfig.for_model(model, training)
    check_fit(model, data)
    if len(data.train) < 2 or not len(data.validation) or not len(data.test):
        raise ConfigError(f"data: got {data!r}, expected two or more training images, and validation and test images")
    place = RunFolder(Path(out) if out is not None else free_folder(model, data))
    model_config: Any = model.config
    settings: dict[str, Any] = {
        "model": model_name(model),
        "config": model_config.to_dict(),
        "training": config.to_dict(),
        "data": {"name": data.name, **(data_source or {})},
        "data_sha256": data.fingerprint,
    }
    # Trainer and loss come first: options that they refuse leave no folder behind.
    loop = _trainer(config, place, progress, trainer)
    module = Classifier(model, config, data.num_classes)
    if not _same_weights(model, build(settings["model"], model_config, seed=config.seed)):
        settings["initial"] = place.initial.name
    if loop.is_global_zero:
        place.create(settings, model if "initial" in settings else None)
    return _run(loop, module, data, place, trainer, checkpoint=None)


def resume(
    folder: str | Path,
    data: ImageData | None = None,
    *,
    data_dir: str | Path | None = None,
    progress: bool = True,
    trainer: dict[str, Any] | None = None,
) -> Run:
    """Continue the run in `folder` behind its last finished epoch; the weights end as if nothing had happened.

    `data` must be what the run began with; left out, it is loaded by the name and options stored with the run.
    Raises RunError where the folder holds no run.
    """
    place = RunFolder(Path(folder))
    settings = place.read_settings()
    if place.result.is_file():
        raise RunError(f"run: {place.path} has finished; there is nothing to resume")
    try:
        config = TrainingConfig.from_dict(settings["training"])
        model_config = model_class(settings["model"]).config_class.from_dict(settings["config"])
        model = build(settings["model"], model_config, seed=config.seed)
    except (ConfigError, TypeError) as error:
        raise RunError(f"run: {place.settings} describes no run ({error})") from error
    if data is None:
        data = place.load_data(data_dir)
    check_fit(model, data)
    if settings.get("data_sha256") != data.fingerprint:
        raise RunError(
            f"data: got {data!r}, expected the images that {place.path} began with; pass them as data (a subset, or "
            f"another validation part, cannot be loaded by its name)"
        )
    if place.last.is_file():
        load_weights(model, _weights(SafeCheckpointIO().load_checkpoint(place.last)), str(place.last))
    elif "initial" in settings:
        init_weights(model, place.initial)
    loop = _trainer(config, place, progress, trainer)
    module = Classifier(model, config, data.num_classes)
    place.remove_partials()
    checkpoint = str(place.last) if place.last.is_file() else None
    return _run(loop, module, data, place, trainer, checkpoint)


def free_folder(model: nn.Module, data: ImageData) -> Path:
    """Return the first folder runs/<model>-<data>-<n> that does not exist."""
    number = 1
    while (RUNS / f"{model_name(model)}-{data.name}-{number}").exists():
        number += 1
    return RUNS / f"{model_name(model)}-{data.name}-{number}"


def _trainer(config: TrainingConfig, place: RunFolder, progress: bool, options: dict[str, Any] | None) -> pl.Trainer:
    best = EpochCheckpoint(
        place.checkpoints, "best", "validation_accuracy", mode="max", save_top_k=1, enable_version_counter=False
    )
    last = EpochCheckpoint(place.checkpoints, "last", save_on_train_epoch_end=True, enable_version_counter=False)
    with quiet():
        return make_trainer(
            options,
            progress,
            max_epochs=config.epochs,
            logger=[CSVLogger(place.logs, "csv"), TensorBoardLogger(place.logs, "tensorboard")],
            callbacks=[best, last],
            plugins=[SafeCheckpointIO()],
            gradient_clip_val=config.gradient_clip or None,
            num_sanity_val_steps=0,
            log_every_n_steps=10,
        )


def _weights(checkpoint: dict[str, Any]) -> dict[str, Any]:
    """Return the network's weights out of a checkpoint of the training module."""
    prefix = "model."
    return {name.removeprefix(prefix): t for name, t in checkpoint["state_dict"].items() if name.startswith(prefix)}


def _same_weights(one: nn.Module, other: nn.Module) -> bool:
    """Say whether two networks have the same weights and buffers, to the last bit."""
    ours, theirs = one.state_dict(), other.state_dict()
    return ours.keys() == theirs.keys() and all(torch.equal(ours[name].cpu(), theirs[name]) for name in ours)


def _run(
    loop: pl.Trainer,
    module: Classifier,
    data: ImageData,
    place: RunFolder,
    options: dict[str, Any] | None,
    checkpoint: str | None,
) -> Run:
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
    score = evaluate(model, data, "test", progress=False, trainer=options)
    result = {
        "model": model_name(model),
        "data": data.name,
        "classes": list(data.classes),
        "parameters": count(model).to_dict(),
        "epochs": config.epochs,
        "seed": config.seed,
        "best_epoch": int(chosen["epoch"]) + 1,
        "validation_accuracy": best.best_score,
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
