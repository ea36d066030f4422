"""One session of a run: from Lightning's trainer to the result in the run's folder."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.loggers import TensorBoardLogger
from torch import Tensor, nn

from sqnn.core import DIGEST, ConfigError, computing_in, cores, digest, machine, no_exit, torch_numbers, write_record
from sqnn.data import ImageData, ImageDataModule
from sqnn.metrics import count
from sqnn.models import Network, load_weights, read_header, save_model
from sqnn.training.allocator import keep_freed_memory
from sqnn.training.arithmetic import Arithmetic
from sqnn.training.checkpoints import EpochCheckpoint, SafeCheckpointIO
from sqnn.training.collapse import CollapseWarning, collapse_signs
from sqnn.training.errors import RunError
from sqnn.training.evaluate import measure
from sqnn.training.folder import CURVES, RunFolder
from sqnn.training.lightning_options import check_monitors, make_trainer, user_callbacks
from sqnn.training.logs import CurveLogger
from sqnn.training.module import Classifier, EpochCurves, require_one
from sqnn.training.quiet import quiet
from sqnn.training.run import Run
from sqnn.training.run_settings import RunSettings
from sqnn.training.settings import TrainingConfig
from sqnn.training.stopwatch import Stopwatch
from sqnn.training.versions import versions


def trainer_for(
    settings: RunSettings,
    place: RunFolder,
    progress: bool,
    options: Mapping[str, object],
    callbacks: pl.Callback | Sequence[pl.Callback] | None,
    model: nn.Module,
) -> pl.Trainer:
    """Build Lightning's trainer around a run's folder; ConfigError on options and callbacks that do not fit.

    ValueError on a value of SQNN_KERNELS that is none, and where it is `on` and there are no kernels.
    """
    config = settings.training
    own = user_callbacks(callbacks)
    rule = settings.rule
    logged = [*CURVES, *(term.curve for term in settings.terms), *(rule.curves if rule else ())]
    check_monitors([*own, *user_callbacks(options.get("callbacks"))], logged)
    best = EpochCheckpoint(
        place.checkpoints, "best", "validation_accuracy", mode="max", save_top_k=1, enable_version_counter=False
    )
    last = EpochCheckpoint(place.checkpoints, "last", save_on_train_epoch_end=True, enable_version_counter=False)
    rules = [rule.callback()] if rule else []
    with quiet():
        loop = make_trainer(
            options,
            progress,
            [
                EpochCurves(),
                Stopwatch(),
                *rules,
                best,
                last,
                *user_callbacks(own, [best]),
            ],
            max_epochs=config.epochs,
            logger=[CurveLogger(place.logs, "csv"), TensorBoardLogger(place.logs, "tensorboard")],
            plugins=[SafeCheckpointIO(place.settings)],
            gradient_clip_val=config.gradient_clip or None,
            num_sanity_val_steps=0,
            log_every_n_steps=10,
        )
    if rule is not None or (isinstance(model, Network) and model.own_rule is not None):
        require_one(loop)
    # Before a folder is made: here the kernels are looked for, which can fail.
    notes = Arithmetic(model, loop.strategy.root_device.type, loop.world_size)
    loop.callbacks.insert(0, notes)  # type: ignore[attr-defined]
    return loop


def arithmetic_in(loop: pl.Trainer) -> Arithmetic:
    """Return what notes the arithmetic of a run."""
    return next(each for each in loop.callbacks if isinstance(each, Arithmetic))  # type: ignore[attr-defined]


def batches_of(data: ImageData, config: TrainingConfig) -> ImageDataModule:
    """Return the batches of a run; DataError where its settings do not fit the images."""
    return ImageDataModule(
        data,
        config.batch_size,
        config.seed,
        augmentation=config.augmentation,
        shift=config.shift,
        noise=config.pixel_noise,
        augmented_epochs=config.augmented_epochs,
    )


def weights_in(checkpoint: dict[str, Any]) -> dict[str, Tensor]:
    """Return the network's weights out of a checkpoint of the training module."""
    prefix = "model."
    return {name.removeprefix(prefix): t for name, t in checkpoint["state_dict"].items() if name.startswith(prefix)}


def train(loop: pl.Trainer, module: Classifier, data: ImageData, place: RunFolder, checkpoint: str | None) -> Run:
    """Train from a checkpoint where one is given, measure the best epoch's network, and write what came of it.

    Runs that were begun before they stored a number of threads go on in as many as PyTorch takes. RunError where no
    epoch ended with a validation.
    """
    chosen = module.training_config.threads
    with computing_in(chosen if isinstance(chosen, int) else torch.get_num_threads()):
        return _train(loop, module, data, place, checkpoint)


def _train(loop: pl.Trainer, module: Classifier, data: ImageData, place: RunFolder, checkpoint: str | None) -> Run:
    model, config, threads = module.model, module.training_config, torch.get_num_threads()
    started = time.perf_counter()
    keep_freed_memory()
    settings = place.read_settings()
    with no_exit("callbacks: code of your own"), quiet(), torch_numbers(), module.validation:
        # Lightning leaves every part in its mode, and a network that was read from a file comes in evaluation mode.
        batches = batches_of(data, config)
        try:
            loop.fit(module.train(), batches, ckpt_path=checkpoint)
        except MisconfigurationException as error:
            raise ConfigError(f"trainer: Lightning refuses the run ({str(error).splitlines()[0]})") from error
    fitted = time.perf_counter()
    if not place.best.is_file():
        raise RunError(
            f"run: {place.path} ended after {loop.current_epoch} of {config.epochs} epochs without a validation, so no "
            "network was chosen; leave out the callback or the option of trainer that ended it"
        )
    best = next(c for c in loop.checkpoint_callbacks if isinstance(c, EpochCheckpoint) and c.monitor)
    chosen = SafeCheckpointIO(place.settings).load_checkpoint(place.best)
    load_weights(model.cpu(), weights_in(chosen), str(place.best))
    model.eval()
    save_model(model, place.model, data.classes, data=data, name=settings["model"])
    history = place.read_history()
    signs = collapse_signs(model, data, history, config.learning_rate, threads, config.batch_size)
    for sign in signs:
        warnings.warn(f"training collapsed: {sign}", CollapseWarning, stacklevel=2)
    saved = time.perf_counter()
    score = measure(model, data, "test", loop, threads=threads)
    tested = time.perf_counter() - saved
    validated = math.fsum(watch.seconds for watch in loop.callbacks if isinstance(watch, Stopwatch))  # type: ignore[attr-defined]
    times = {"training": fitted - started - validated, "validation": validated, "test": tested}
    result = {
        "model": settings["model"],
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
        "background": data.background,
        "warnings": signs,
        "seconds": round(time.perf_counter() - started, 3),
        "times": {name: round(seconds, 3) for name, seconds in times.items()},
        "threads": threads,
        "machine": machine(),
        "cores": cores(),
        "kernels": arithmetic_in(loop).summary(),
        "versions": versions(),
        "settings_sha256": digest(settings),
        "network_sha256": read_header(place.model)[DIGEST],
    }
    run = Run(place.path, model, result, history)
    run.plot(place.picture)
    write_record(place.result, result)  # last: a run that has a result is finished
    return run
