"""Training of a network."""

from __future__ import annotations

import contextlib
import itertools
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import lightning.pytorch as pl
import torch
from torch import nn

from sqnn.core import ConfigError, path_of, require, threads_for
from sqnn.data import ImageData
from sqnn.models import SEPARATOR, ModelConfig, OwnConfig, config_of, known_name, own_config, own_name, step_work
from sqnn.plasticity import LearningRule, learning_rule
from sqnn.training.errors import FolderTakenError
from sqnn.training.evaluate import check_fit
from sqnn.training.folder import RunFolder
from sqnn.training.lightning_options import callback_names, lightning_options
from sqnn.training.module import Classifier
from sqnn.training.run import Run
from sqnn.training.run_settings import RunSettings
from sqnn.training.session import batches_of, train, trainer_for
from sqnn.training.settings import TrainingConfig
from sqnn.training.terms import LossTerm, loss_terms, split_terms

RUNS = Path("runs")


def fit(
    model: nn.Module,
    data: ImageData,
    *,
    terms: LossTerm | Iterable[LossTerm] | None = (),
    callbacks: pl.Callback | Sequence[pl.Callback] | None = (),
    rule: LearningRule | str | None = None,
    out: str | Path | None = None,
    progress: bool = True,
    trainer: Mapping[str, object] | None = None,
    data_source: Mapping[str, str | int] | None = None,
    name: str | None = None,
    **training: object,
) -> Run:
    """Train `model` on `data.train`, choose the epoch by `data.validation`, read `data.test` once; return the Run.

    `training` are fields of TrainingConfig (epochs, batch_size, learning_rate, seed, ...); one that is left out is what
    the network's class states in `training_defaults`, or else TrainingConfig's default. `terms` are losses added to
    cross-entropy, such as BitPenalty(0.2). `callbacks` are Lightning's, such as EarlyStopping("validation_loss"), and
    join the run's own. `rule` is what changes weights beside the gradient, such as AdaptiveSTDP() or its name, hybrid;
    the run stores it. How many `threads` their `auto` stands for is stored with the run, and is PyTorch's number again
    afterwards. `trainer` goes to `lightning.Trainer` (accelerator, devices, strategy, logger, ...).

    `model` is a network of `create_model`, or any module from images [batch, channels, height, width] in [0, 1] to
    logits: its output is read as `sqnn.models.logits_of` says, no state of it may outlive a batch, and the run stores
    its weights under a `name`, by default "module:Class". `resume`, `Run.load` and `load_model` need what makes it
    again (`model=function`), since no file holds code.

    `out` is the run's folder, by default the first free of runs/<model>-<data>-<n>. `model`, in training mode
    throughout, ends with the weights of its best epoch. Weights that the seed does not draw are stored with the run, to
    resume from. From then on the process keeps memory that it frees (see `keep_freed_memory`).

    Raises ConfigError on settings that do not fit, RunError where `out` cannot take the run, NotFiniteError where the
    loss or the weights become infinite or NaN.
    """
    if out is not None:
        RunFolder(path_of("out", out)).check_asked()
    check_fit(model, data, learns=True)
    options = lightning_options(trainer)
    if data_source is not None:
        message = "data_source: is no longer needed; load_data notes it in ImageData.source"
        warnings.warn(message, DeprecationWarning, stacklevel=2)
    weights, training = split_terms(training)
    config = TrainingConfig.for_model(model, training)
    if len(data.train) < 2 or not len(data.validation) or not len(data.test):
        raise ConfigError(
            f"data: got {data!r}, expected two or more training images, and validation and test images; "
            "load_data(validation=...) holds some back for validation"
        )
    batches_of(data, config)
    work = step_work(model, min(config.batch_size, len(data.train)), data.image_size)
    config = replace(config, threads=threads_for(work, config.threads))
    called, described = _described(model, data, name)
    settings = RunSettings(
        model=called,
        config=described,
        training=config,
        data={**(data.source or {"name": data.name}), **(data_source or {})},
        data_sha256=data.fingerprint,
        terms=loss_terms([*loss_terms(terms), *weights]),
        callbacks=callback_names(callbacks, options),
        rule=learning_rule(rule, model),
    )
    drawn = isinstance(described, ModelConfig) and _same_weights(model, settings.build())
    while True:
        place = RunFolder(free_folder(model, data) if out is None else path_of("out", out))
        # Trainer and loss come first: options that they refuse leave no folder.
        loop = trainer_for(settings, place, progress, options, callbacks, model)
        module = Classifier(model, config, data.num_classes, settings.terms)
        begun = _begun(place, settings, None if drawn else model) if loop.is_global_zero else contextlib.nullcontext()
        try:
            with begun:
                return train(loop, module, data, place, checkpoint=None)
        except FolderTakenError:
            if out is not None:
                raise  # else another process took the folder that was free a moment ago: take the next


@contextlib.contextmanager
def _begun(place: RunFolder, settings: RunSettings, initial: nn.Module | None) -> Iterator[None]:
    """Begin a run in a folder, and be at work in it until the block ends; RunError where the folder cannot take it."""
    place.check_free()  # a folder of something else gets no lock
    with place.at_work("out"):
        place.create(settings if initial is None else replace(settings, initial=place.initial.name), initial)
        yield


def _described(model: nn.Module, data: ImageData, name: str | None) -> tuple[str, ModelConfig | OwnConfig]:
    """Return the name of a network, and its configuration or what is stored of one that is none of MODELS."""
    known, config = known_name(model), config_of(model)
    if known is not None and config is not None:
        require(name is None, "name", name, f"none: networks of the package have theirs, here {known}")
        return known, config
    fits = name is None or (isinstance(name, str) and SEPARATOR in name)
    require(fits, "name", name, f'a name such as "module:function", with a {SEPARATOR}')
    return name or own_name(model), own_config(model, data)


def free_folder(model: nn.Module, data: ImageData) -> Path:
    """Return the first folder runs/<model>-<data>-<n> that does not exist."""
    called = known_name(model) or type(model).__name__
    folders = (RUNS / f"{called}-{data.name}-{number}" for number in itertools.count(1))
    return next(folder for folder in folders if not folder.exists())


def _same_weights(one: nn.Module, other: nn.Module) -> bool:
    """Say whether two networks have the same weights and buffers, to the last bit."""
    ours, theirs = one.state_dict(), other.state_dict()
    return ours.keys() == theirs.keys() and all(torch.equal(ours[name].cpu(), theirs[name]) for name in ours)
