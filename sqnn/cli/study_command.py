"""The command of a study, made from the study's own fields."""

from __future__ import annotations

import contextlib
import dataclasses
import inspect
from collections.abc import Callable, Hashable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sqnn.cli.clock import Clock
from sqnn.cli.options import (
    IMAGES,
    Parameters,
    Progress,
    config_options,
    image_options,
    option,
    read_settings,
    recipe_option,
    recordings_in,
    run_options,
    with_options,
)
from sqnn.cli.output import check_files, console, table, write_json
from sqnn.cli.own import MEANING, OPTIONS_MEANING, given_own
from sqnn.cli.retraining import suggest_retraining
from sqnn.cli.source import (
    compare_with_run,
    data_flags,
    data_of_run,
    named_data,
    open_data,
    open_source,
    require_of_run,
)
from sqnn.cli.stopping import Interrupted
from sqnn.core import ConfigError, WriteError, brief, require, write_text
from sqnn.data import DATASETS, is_path
from sqnn.studies import AnyStudy, Panel, StudyError, StudyFrame, run_study
from sqnn.training import versions

if TYPE_CHECKING:
    import pandas as pd

PATH = "run's folder or .safetensors file of a network of qcfs activations"
CHECKPOINTS = "runs' folders or networks' .safetensors files"
DEFAULT_DATA = {"data": "digits", "sets": "digits", "network": "the run's", "networks": "each run's own"}


def study_command(kind: type[AnyStudy]) -> Callable[..., Clock | None]:
    """Return the command that runs a study of this kind: its rows, its picture, its tables, and a JSON file."""
    fields = config_options(kind, leave_out=("settings",) if kind.trains else (), kinds=kind.texts, also=kind.flags)
    if kind.trains:
        fields += [*run_options({field.name for field in fields} | {"seed"}), recipe_option()]
    subject, places = _subject_options(kind), _place_options(kind)

    def command(
        config: Annotated[Path | None, typer.Option(help="YAML file of options; flags override it")] = None,
        json: Annotated[
            Path | None, typer.Option(help="also write settings, summary and rows to this JSON file")
        ] = None,
        progress: Progress = True,
        **values: object,
    ) -> Clock:
        clock = Clock()
        settings = read_settings(config, values, subject, fields, places)
        shared = settings.get("table")
        drawn = None if shared is None else shared.with_suffix(".png")
        check_files(picture=drawn, json=json)
        for name, path in (("picture", drawn), ("json", json)):
            require(path is None or path != shared, name, str(path), "another file than --table")
        names = {field.name for field in fields}
        study = kind.read({name: value for name, value in settings.items() if name in names})
        where = {place.name: settings.get(place.name) for place in places}
        clock.lap("start-up")
        with _goes_on(kind) as announce, _opened(kind, settings) as arguments:
            clock.lap("data")
            try:
                result = run_study(study, *arguments, **where, keep=True, progress=progress, announce=announce)
            except StudyError as failure:
                if failure.finished is not None and len(failure.finished):
                    _publish_before(failure, failure.finished, json)
                raise
            clock.lap(kind.noun)
            _publish(result, json)
        return clock

    command.__name__, command.__doc__ = kind.name, kind.__doc__
    return with_options(subject, fields, places)(command)


def _publish(result: StudyFrame, json: Path | None, failure: str = "") -> None:
    """Print what the rows say, and write their picture, their tables and the JSON file."""
    path = result.path or Path()
    for part in result.report():
        if isinstance(part, Panel):
            table(*part)
        else:
            console.print(part)
    # What the rows say comes before the picture, which refuses rows of failed trainings alone.
    picture = path.with_suffix(".png") if result.folder is None else result.folder.picture
    try:
        result.plot(picture)
    except WriteError as error:
        raise ConfigError(f"picture: {error}") from error
    tables = {picture.with_suffix(f".{ending}"): text for ending, text in result.papers().items()}
    for place, text in tables.items():
        write_text(place, text)
    console.print(f"rows: {path}\npicture: {picture}")
    if tables:
        console.print(f"tables: {', '.join(map(str, tables))}")
    write_json(
        json,
        {
            **result.settings,
            "summary": records(result.summary()),
            "rows": records(result.frame),
            "table": str(path),
            "picture": str(picture),
            "folder": None if result.folder is None else str(result.folder.path),
            "versions": versions(),
            **({"failure": failure} if failure else {}),
        },
    )


def _publish_before(failure: StudyError, finished: StudyFrame, json: Path | None) -> None:
    """Publish the rows of the cells that did not fail; `failure` is raised where so few make no report."""
    try:
        _publish(finished, json, str(failure))
    except Exception as error:
        raise failure from error


@contextlib.contextmanager
def _goes_on(kind: type[AnyStudy]) -> Iterator[Callable[[str], None]]:
    """Give the function that a study announces itself with; after that Ctrl-C in the block says how it goes on."""
    announced = []

    def announce(line: str) -> None:
        announced.append(line)
        console.print(line)

    try:
        yield announce
    except KeyboardInterrupt as stopped:
        if not announced:
            raise
        raise Interrupted(f"the {kind.noun} goes on with the same command") from stopped


def records(frame: pd.DataFrame) -> list[dict[Hashable, object]]:
    """Return rows as JSON takes them, which has no nan: None in the place of what is missing."""
    plain = frame.astype(object)
    return list(plain.where(plain.notna(), None).to_dict("records"))


def _place_options(kind: type[AnyStudy]) -> Parameters:
    """Return the options that say where the rows go and who computes them."""
    options = [option("out", Path, f"folder for rows and picture (default: runs/{kind.name}-<n>)")]
    if kind.shared:
        options.append(
            option("table", Path, "append the rows to this results table instead; the picture goes beside it")
        )
    if not kind.timed:
        usual = "one per core; 0: only this one" if kind.processes is None else "only this one"
        options.append(option("scheduler", str, "compute on the Dask cluster whose scheduler has this address"))
        options.append(option("workers", int, f"processes of this machine (default: {usual})"))
    return options


def _subject_options(kind: type[AnyStudy]) -> Parameters:
    """Return the arguments and options that say what is measured."""
    if kind.takes == "nothing":
        return []
    several = "; several with commas" if kind.takes == "sets" else ""
    names = f"{IMAGES.format(', '.join(DATASETS))}{several} (default: {DEFAULT_DATA[kind.takes]})"
    options = [
        option("data", str, names),
        option("data_dir", Path, "folder with the data files (default: $SQNN_DATA)"),
        *image_options(),
    ]
    if kind.takes == "network":
        options.insert(0, _argument("path", Path, inspect.Parameter.empty, PATH))
    if kind.takes == "networks":
        options.insert(0, _argument("checkpoints", list[Path] | None, None, CHECKPOINTS))
        options += [option("model", str, MEANING), option("model_options", list[str], OPTIONS_MEANING)]
    return options


def _argument(name: str, kind: Any, default: object, help: str) -> inspect.Parameter:
    # The types that follow are those that `read_settings` reads of an option; nothing is parsed here.
    annotation = Annotated[kind, typer.Argument(help=help, show_default=False), object, ()]
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


@contextlib.contextmanager
def _opened(kind: type[AnyStudy], settings: Mapping[str, Any]) -> Iterator[list[object]]:
    """Give the subject that the settings name, and within the block say how a network is made convertible."""
    name, folder = settings.get("data"), settings.get("data_dir")
    size, channels = settings.get("size"), settings.get("in_channels")
    recordings = recordings_in(settings)
    if kind.takes == "nothing":
        yield []
    elif kind.takes in ("data", "sets"):
        named = str(name or "digits")
        names = [named] if kind.takes == "data" else _listed(named)
        yield [named_data(each, folder, size=size, channels=channels, recordings=recordings) for each in names]
    elif kind.takes == "network":
        path = Path(settings["path"])
        model, _ = open_source(path)
        images = open_data(path, name, folder, size, channels, _of_images(kind, recordings))
        with suggest_retraining(path, model, data_flags(images)):
            yield [model, images]
    else:
        paths = _paths(settings.get("checkpoints", []))
        own = name is None or (not is_path(name) and all(data_of_run(path) == name for path in paths))
        if own:
            require_of_run(paths[0], size, channels, _of_images(kind, recordings))
        given = None
        if not own:
            split = settings.get("split", "test")
            given = open_data(paths[0], str(name), folder, size, channels, _of_images(kind, recordings), split)
            for path in paths[1:] if is_path(name) else ():
                compare_with_run(path, given, split)
        yield [paths, given, folder, given_own(settings.get("model"), settings.get("model_options"))]


def _listed(text: str) -> list[str]:
    """Return the names and paths between commas; a path that is there may have commas of its own."""
    parts, names = text.split(","), []
    while parts:
        joined = (",".join(parts[:end]).strip() for end in range(len(parts), 0, -1))
        name = next((each for each in joined if is_path(each)), parts[0].strip())
        names.append(name)
        parts = parts[name.count(",") + 1 :]
    return names


def _of_images(kind: type[AnyStudy], recordings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of recordings that are no fields of a study of networks, whose time steps are its own."""
    own = {field.name for field in dataclasses.fields(kind)}
    return {name: value for name, value in recordings.items() if name not in own}


def _paths(networks: object) -> list[Path]:
    """Return the networks' paths; ConfigError where there is none."""
    paths = [networks] if isinstance(networks, str | Path) else networks
    if not isinstance(paths, list) or not all(isinstance(path, str | Path) for path in paths):
        raise ConfigError(f"checkpoints: got {brief(paths)}, expected paths of runs or of networks' files")
    if not paths:
        raise ConfigError("checkpoints: got none, expected a run's folder or a network's file, such as runs/mnist-0")
    return [Path(path) for path in paths]
