"""`sqnn train`: a training run, begun or resumed."""

from __future__ import annotations

import contextlib
import re
import shlex
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from torch import nn

from sqnn.cli.clock import Clock
from sqnn.cli.options import (
    IMAGES,
    TIMESTEPS,
    Progress,
    image_options,
    model_options,
    option,
    read_settings,
    recipe_option,
    recordings_in,
    term_weights,
    training_options,
    with_options,
)
from sqnn.cli.output import check_json, console, parameter_table, table, write_json
from sqnn.cli.own import MEANING, OPTIONS_MEANING, given_own, own_model, plain_values
from sqnn.cli.source import model_file, named_data, open_data
from sqnn.cli.stopping import Interrupted
from sqnn.core import ConfigError, counted, is_whole, require
from sqnn.data import DATASETS
from sqnn.metrics import count
from sqnn.models import (
    MODELS,
    SEPARATOR,
    ModelFileError,
    OwnModel,
    create_model,
    init_weights,
    known_name,
    make_own,
    model_class,
    read_header,
)
from sqnn.plasticity import BACKPROP, COMPETITIVE_RULES, RULES, LearningRule, rule_class
from sqnn.training import (
    CheckpointError,
    CollapseWarning,
    Run,
    RunError,
    RunFolder,
    RunInterrupted,
    TrainingConfig,
)

PANEL = "What to train, on what, and where to put it"
SOURCE_OPTIONS = [
    recipe_option(PANEL),
    option("model", str, f"network: {', '.join(MODELS)} (default: sqdr-cnn), or {MEANING}", PANEL),
    option("model_options", list[str], OPTIONS_MEANING, PANEL),
    option(
        "rule",
        str,
        f"what changes the weights: {', '.join((BACKPROP, *RULES))}; of snn-wta {', '.join(COMPETITIVE_RULES)} "
        "(default: backprop; snn-wta: stdp)",
        PANEL,
    ),
    option("rule_options", list[str], "option of hybrid, such as rho=0.1; may be given again", PANEL),
    option("init", Path, "begin with the weights of the network in this run's folder or .safetensors file", PANEL),
    option("data", str, f"{IMAGES.format(', '.join(DATASETS))} (default: digits)", PANEL),
    option("data_dir", Path, "folder with the data files (default: $SQNN_DATA)", PANEL),
    option("validation", int, "images held back for validation (default: by data set)", PANEL),
    *image_options(PANEL),
    option("out", Path, "folder of the run (default: runs/<model>-<data>-<n>)", PANEL),
    option("accelerator", str, "Lightning accelerator: auto, cpu, gpu, ... (default: auto)", PANEL),
    option("devices", int, "how many of them (default: 1)", PANEL),
]
COMPETING = "snn-wta"
"""The network that learns by rules of its own."""
TERM_OPTIONS = term_weights()
TRAINING_OPTIONS = training_options()
NETWORK_OPTIONS = [each for each in model_options() if each.name != "rule"]
OPTIONS = [*SOURCE_OPTIONS, *TRAINING_OPTIONS, *TERM_OPTIONS, *NETWORK_OPTIONS]


@with_options(OPTIONS)
def train(
    config: Annotated[Path | None, typer.Option(help="YAML file of options; flags override it")] = None,
    resume_from: Annotated[
        Path | None, typer.Option("--resume", help="go on with the run in this folder, settings included")
    ] = None,
    other_arithmetic: Annotated[
        bool,
        typer.Option("--other-arithmetic", help="--resume: even by other kernels, or on another device, than before"),
    ] = False,
    json: Annotated[Path | None, typer.Option(help="also write the result to this JSON file")] = None,
    progress: Progress = True,
    **values: object,
) -> Clock:
    """Train a network, keep the epoch that does best on validation images, and measure it once on the test images.

    The run's folder holds settings.yaml, checkpoints, CSV and TensorBoard logs, model.safetensors, result.json,
    training.png and, where the seed did not draw the weights that it began with, initial.safetensors.

    Examples:

    sqnn train --recipe digits

    sqnn train --epochs 30

    sqnn train --data mnist --data-dir DIR --epochs 12 --seed 0 --out runs/mnist-0

    sqnn train --data pngs --size 28x28

    sqnn train --data nmnist --frames-by time --timesteps 8 --epochs 10

    sqnn train --data digits --synthetic saccades --timesteps 6

    sqnn train --encoding direct --timesteps 4 --readout membrane --n-qubits 6

    sqnn train --rule hybrid --rule-options rho=0.1 --rule-options coupling=through

    sqnn train --model has8-vgg --data mnist --data-dir DIR --epochs 3

    sqnn train --init runs/mnist-0 --data mnist --data-dir DIR --epochs 3 --learning-rate 0.005

    sqnn train --resume runs/mnist-0

    sqnn train --model networks:make --model-options width=8 --epochs 30

    sqnn train --resume runs/mine --model networks:make --model-options width=8
    """
    clock = Clock()
    settings = read_settings(config, values, OPTIONS)
    check_json(json)
    if json is not None and "out" in settings and RunFolder(settings["out"]).keeps(json):
        raise ConfigError(f"json: {json} is a file of the run itself; choose another name")
    trainer: dict[str, object] = {name: settings.pop(name) for name in ("accelerator", "devices") if name in settings}
    for name, least in (("devices", 1), ("validation", 1)):
        value = trainer.get(name, settings.get(name))
        why = ": the epoch is chosen by validation images" if name == "validation" else ", or -1 for all GPUs"
        fits = not is_whole(value) or value >= least or (name, value) == ("devices", -1)
        require(fits, name, value, f"a whole number of at least {least}{why}")
    clock.lap("start-up")
    # `report` prints the warnings of a collapse.
    with _in_words_of_the_command(), warnings.catch_warnings(action="ignore", category=CollapseWarning):
        if resume_from is not None:
            data_dir, moved = settings.pop("data_dir", None), settings.pop("data", None)
            own = given_own(settings.pop("model", None), settings.pop("model_options", None))
            if settings:
                raise ConfigError(
                    f"{next(iter(settings))}: --resume takes all settings from the run; leave this one out"
                )
            options = {"progress": progress, "trainer": trainer, "other_arithmetic": other_arithmetic}
            run = _resumed(resume_from, json, own, moved, data_dir=data_dir, **options)
        else:
            require(not other_arithmetic, "other_arithmetic", True, "none, or --resume FOLDER beside it")
            run = _fresh(settings, progress, trainer, clock)
    clock.lap("rest", run.result["times"])
    report(run)
    write_json(json, {**run.result, "folder": str(run.folder)})
    return clock


def _fresh(settings: dict[str, Any], progress: bool, trainer: Mapping[str, object], clock: Clock) -> Run:
    from sqnn.training import fit

    unsaid = " and ".join(f"--{option}" for option in ("model", "data") if option not in settings)
    name, data_name = settings.pop("model", "sqdr-cnn"), settings.pop("data", "digits")
    own = own_model(name, settings.pop("model_options", None))
    out, begin_with = settings.pop("out", None), settings.pop("init", None)
    if out is not None:
        RunFolder(out).check_asked()
    if begin_with is not None:
        _stored_in(model_file(begin_with))
    rule = None if name == COMPETING else _rule(settings.pop("rule", BACKPROP), settings.pop("rule_options", None))
    if name == COMPETING:
        _check_competing(settings)
    weights = {term.name: settings.pop(term.name) for term in TERM_OPTIONS if term.name in settings}
    training = {field.name: settings.pop(field.name) for field in TRAINING_OPTIONS if field.name in settings}
    seed = (TrainingConfig.from_dict(training) if own else TrainingConfig.for_model(model_class(name), training)).seed
    where = {key: settings.pop(key) for key in ("data_dir", "validation", "size") if key in settings}
    recordings = recordings_in(settings)
    settings = {key: value for key, value in settings.items() if key == TIMESTEPS or key not in recordings}
    channels = settings.pop("in_channels", None)
    data = named_data(data_name, **where, channels=channels, progress=progress, recordings=recordings)
    if own is not None and data.timesteps is not None:
        settings.pop(TIMESTEPS, None)
    clock.lap("data")
    if own is not None and settings:
        raise ConfigError(f"{next(iter(settings))}: is of the package's networks; give {name} --model-options")
    model = create_model(name, data, seed=seed, **settings) if own is None else make_own(own, seed, own.name)
    if begin_with is not None:
        _begin_with(model, model_file(begin_with))
    called = None if own is None else own.name
    if rule is not None:
        rule.check(model)
    if unsaid:
        console.print(f"training {name} on {data_name}, the default without {unsaid}; sqnn train --help lists others")
    parameter_table(called or name, count(model))
    return fit(model, data, out=out, rule=rule, progress=progress, trainer=trainer, name=called, **training, **weights)


def _check_competing(settings: Mapping[str, Any]) -> None:
    """Raise ConfigError where competing neurons are to learn by another rule than theirs."""
    if "rule" in settings:
        COMPETITIVE_RULES.pick(settings["rule"], error=ConfigError)
    if settings.get("rule_options"):
        given = settings["rule_options"][0]
        raise ConfigError(f"rule_options: got {given!r}, expected none with {COMPETING}; its options are flags")


def _rule(name: str, texts: list[str] | None) -> LearningRule | None:
    """Return the learning rule of this name with the options given; None for the gradient alone."""
    if name in COMPETITIVE_RULES:
        raise ConfigError(f"rule: got {name!r}, which trains competing neurons; add --model {COMPETING}")
    options = plain_values("rule_options", texts, "rho=0.1")
    kind = rule_class(name)
    if kind is None and options:
        given = next(iter(options))
        raise ConfigError(f"rule_options: got {given}, which is an option of a learning rule; add --rule hybrid")
    return None if kind is None else kind.from_dict(options)


def _resumed(folder: Path, json: Path | None, own: OwnModel | None, moved: str | None, **options: Any) -> Run:
    """Go on with a run; one that has finished is read where its result is to be written to a file.

    `own` makes its network where that is the user's, `moved` is the path that its images have now, where that is
    another one.
    """
    from sqnn.training import resume

    place = RunFolder(folder)
    called = str(place.read_settings()["model"])
    if own is None and SEPARATOR in called:
        raise ConfigError(
            f"model: {folder} trains a network of your own, {called}, and stores no code; add --model module:function, "
            "and --model-options where it was made with some"
        )
    finished = all(file.is_file() for file in (place.settings, place.result, place.model, place.picture))
    if json is not None and finished:
        return Run.load(folder, own)
    data = None if moved is None else open_data(folder, moved, options.get("data_dir"))
    return resume(folder, data, model=own, **options)


@contextlib.contextmanager
def _in_words_of_the_command() -> Iterator[None]:
    """Name the command where an error or Ctrl-C names the Python call that resumes a run."""
    try:
        yield
    except RunInterrupted as stopped:
        raise Interrupted(f"the run goes on with: sqnn train --resume {shlex.quote(str(stopped.folder))}") from stopped
    except (RunError, CheckpointError) as error:
        raise type(error)(_as_command(str(error))) from error
    except Exception as error:
        if hasattr(error, "__notes__"):
            error.__notes__ = [*map(_as_command, error.__notes__)]
        raise


def _as_command(words: str) -> str:
    """Return words with the command in the place of the call that resumes a run."""
    call = r"sqnn\.resume\((?:'([^']*)'|folder)(, other_arithmetic=True)?\)"
    flags = {None: "", ", other_arithmetic=True": " --other-arithmetic"}
    return re.sub(call, lambda m: f"sqnn train --resume {shlex.quote(m[1]) if m[1] else 'FOLDER'}{flags[m[2]]}", words)


def _stored_in(file: Path) -> str:
    """Return the name of the network in a file; the error where there is none names the option."""
    try:
        return str(read_header(file)["model"])
    except ModelFileError as error:
        raise ModelFileError(f"init: {str(error).removeprefix('path: ')}") from error


def _begin_with(model: nn.Module, file: Path) -> None:
    """Give the network the weights in a file; errors name the option and say how to ask for a network that fits."""
    name, stored = known_name(model), _stored_in(file)
    try:
        if name is not None and stored != name:
            raise ModelFileError(f"{file} holds a {stored}, expected a {name}; add --model {stored}")
        init_weights(model, file)
    except ModelFileError as error:
        raise ModelFileError(f"init: {str(error).removeprefix('path: ')}") from error


def report(run: Run) -> None:
    """Print the result of a run and where its files are."""
    rows = [
        ("best validation accuracy", f"{run.validation_accuracy:.2%}"),
        ("test accuracy", f"{run.test_accuracy:.2%}"),
        ("test cross-entropy", f"{run.result['test_loss']:.4f} nats"),
        ("best epoch", f"{run.result['best_epoch']} of {run.result['epochs']}"),
        ("training and evaluation", f"{run.result['seconds']:.1f} s"),
        ("threads", f"{run.result['threads']} on {counted(run.result['cores'], 'core')}, {run.result['machine']}"),
        ("compiled kernels", run.result["kernels"]),
    ]
    table(f"{run.result['model']} on {run.result['data']}, seed {run.result['seed']}", ("", "value"), rows)
    for warning in run.warnings:
        console.print(f"warning: training collapsed: {warning}")
    console.print(f"network: {run.folder / 'model.safetensors'}\npicture: {run.folder / 'training.png'}")
