"""`sqnn noise-sweep`."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import typer
import yaml

from circuits import ENGINES
from noise_models import KINDS
from sqnn.cli.options import check_kinds, given, option, read_config
from sqnn.cli.output import check_json, console, table, write_json
from sqnn.cli.source import named_data
from sqnn.core import ConfigError, whole_file, write_text
from sqnn.data import DATASETS
from sqnn.studies import (
    DEFAULT_STRENGTH,
    NoiseSweep,
    ResultsTable,
    SweepFrame,
    check_cluster,
    line_names,
    open_subjects,
    parse_strengths,
    run_cells,
    split_names,
    strength_label,
)
from sqnn.training import SPLITS, RunError, versions

RUNS = Path("runs")
ROWS, PICTURE, SETTINGS = "rows.csv", "noise-sweep.png", "settings.yaml"
DEFAULTS = {field.name: field.default for field in dataclasses.fields(NoiseSweep)}
KIND_OF = {int: ("shots", "seeds", "images", "workers"), str: ("split", "data", "scheduler")}
PATHS = ("data_dir", "table", "out")
NAMES = ("checkpoints", "noise", "strength", "engine", *KIND_OF[int], *KIND_OF[str], *PATHS)


def noise_sweep(
    checkpoints: Annotated[
        list[Path] | None, typer.Argument(help="runs' folders or networks' .safetensors files", show_default=False)
    ] = None,
    noise: Annotated[
        list[str] | None,
        typer.Option(
            help=f"noises with commas, or given again: {', '.join(KINDS)}, a chip, ... (default: depolarizing)"
        ),
    ] = None,
    strength: Annotated[
        str | None,
        typer.Option(help=f"strengths: start:stop:step or numbers with commas (default: {DEFAULT_STRENGTH})"),
    ] = None,
    engine: Annotated[
        str | None, typer.Option(help=f"with commas, from {', '.join(ENGINES)} (default: {DEFAULTS['engine'][0]})")
    ] = None,
    shots: Annotated[int | None, typer.Option(help="shots an expectation is estimated from (default: exact)")] = None,
    seeds: Annotated[
        int | None, typer.Option(help=f"repetitions with shots, draws 0, 1, ... (default: {DEFAULTS['seeds']})")
    ] = None,
    images: Annotated[int | None, typer.Option(help="only the first so many images of the split")] = None,
    data: Annotated[str | None, typer.Option(help=f"images: {', '.join(DATASETS)} (default: each run's own)")] = None,
    data_dir: Annotated[Path | None, typer.Option(help="folder with the data files (default: $SQNN_DATA)")] = None,
    split: Annotated[
        str | None, typer.Option(help=f"which images: {', '.join(SPLITS)} (default: {DEFAULTS['split']})")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help=f"folder for {ROWS} and {PICTURE} (default: runs/noise-sweep-<n>)")
    ] = None,
    table: Annotated[
        Path | None, typer.Option(help="append the rows to this results table instead; the picture goes beside it")
    ] = None,
    scheduler: Annotated[
        str | None, typer.Option(help="compute on the Dask cluster whose scheduler has this address")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(help="processes of this machine (default: one a core; 0: only this one)")
    ] = None,
    config: Annotated[Path | None, typer.Option(help="YAML file of options; flags override it")] = None,
    json: Annotated[Path | None, typer.Option(help="also write settings, summary and rows to this JSON file")] = None,
    progress: Annotated[
        bool, typer.Option(help="show a progress bar, or lines where the output is no terminal")
    ] = True,
) -> None:
    """Measure trained networks while the noise of their circuits grows: every noise, strength, engine and draw.

    The strength of a noise that is named alone (depolarizing, amplitude-damping, readout, ...) is its parameter:
    `--noise depolarizing --strength 0.05` is depolarizing:0.05. Everything else (paper, a chip such as torino,
    readout:0.02, depolarizing:0.01+readout:0.02, a file noise.json) is multiplied by it, all error rates and gate times
    alike: 0 is no noise, 1 the noise as it is calibrated, 2 twice that.

    Several networks on one line of the picture (the same architecture, other seeds) get a 95 % band over the networks,
    one network with several draws over the draws, a single number that of the number of images.

    Every finished row is on the disk. The same command again goes on where it was stopped, and computes nothing twice.

    Examples:

    sqnn noise-sweep runs/mnist-0

    sqnn noise-sweep runs/mnist-0 runs/mnist-1 runs/mnist-2 --noise depolarizing,amplitude-damping

    sqnn noise-sweep runs/mnist-0 --noise torino,paper --strength 0:2:0.25 --engine lightcone,aer --images 100

    sqnn noise-sweep runs/mnist-0 --noise depolarizing:0.01,on=id --noise readout --shots 1024 --seeds 3

    sqnn noise-sweep runs/mnist-0 --scheduler tcp://node1:8786 --table results.csv
    """
    check_json(json)
    flags = {name: value for name, value in locals().items() if name in NAMES and value not in (None, [])}
    settings = _settings({**read_config(config), **given(flags)})
    chosen = _configure(settings)
    where = (settings.get("scheduler"), settings.get("workers"))
    folder_data = settings.get("data_dir")
    images_of = None if "data" not in settings else named_data(settings["data"], folder_data)
    networks = _networks(settings)
    subjects = open_subjects(networks, images_of, chosen.split, chosen.images, folder_data)
    cells = chosen.cells(subjects)
    check_cluster(*where)
    if "table" in settings:
        ResultsTable(settings["table"]).rows()
    rows, picture = _places(settings, _description(chosen, networks, settings))
    console.print(f"rows: {rows}")
    frame = run_cells(cells, subjects, rows, *where, progress)
    with whole_file(picture) as partial:
        frame.plot().savefig(partial, format="png", dpi=150)
    summary = frame.summary()
    _report(summary)
    console.print(f"rows: {rows}\npicture: {picture}")
    write_json(
        json,
        {
            **_description(chosen, networks, settings),
            "summary": _records(summary.assign(line=line_names(summary))),
            "rows": _records(frame),
            "table": str(rows),
            "picture": str(picture),
            "versions": versions(),
        },
    )


def _settings(values: dict[str, Any]) -> dict[str, Any]:
    """Return the options by name; ConfigError names one that does not exist or has a value of another kind."""
    for name in values:
        if name not in NAMES:
            raise ConfigError(f"{name}: no such option of this command; it has {', '.join(NAMES)}")
    kinds = {**KIND_OF, Path: PATHS}
    check_kinds(values, [option(name, kind, "") for kind, names in kinds.items() for name in names])
    return {name: Path(value) if name in PATHS else value for name, value in values.items() if value is not None}


def _configure(settings: dict[str, Any]) -> NoiseSweep:
    fields: dict[str, Any] = {name: settings[name] for name in DEFAULTS if name in settings}
    fields["strength"] = parse_strengths(settings.get("strength", DEFAULT_STRENGTH))
    for name in ("noise", "engine"):
        fields[name] = split_names(settings.get(name, DEFAULTS[name]), name)
    return NoiseSweep(**fields)


def _networks(settings: dict[str, Any]) -> list[Path]:
    """Return the networks' paths; ConfigError where there is none."""
    paths = settings.get("checkpoints", [])
    paths = [paths] if isinstance(paths, str | Path) else paths
    if not isinstance(paths, list) or not all(isinstance(path, str | Path) for path in paths):
        raise ConfigError(f"checkpoints: got {paths!r}, expected paths of runs or of networks' files")
    if not paths:
        raise ConfigError("checkpoints: got none, expected a run's folder or a network's file, such as runs/mnist-0")
    return [Path(path) for path in paths]


def _description(chosen: NoiseSweep, networks: Sequence[Path], settings: dict[str, Any]) -> dict[str, Any]:
    """Return what makes two sweeps the same, as plain values."""
    fields = {name: list(v) if isinstance(v, tuple) else v for name, v in dataclasses.asdict(chosen).items()}
    paths = [str(path.resolve()) for path in networks]
    return {"sweep": fields, "networks": paths, "data": settings.get("data")}


def _places(settings: dict[str, Any], description: dict[str, Any]) -> tuple[Path, Path]:
    """Return the files of the rows and of the picture; a folder is begun, or is that of the same sweep.

    RunError where the folder asked for holds something else.
    """
    rows, folder = settings.get("table"), settings.get("out")
    if rows is not None and folder is None:
        return rows, rows.with_suffix(".png")
    if folder is None:
        number = 1
        while _holds(RUNS / f"noise-sweep-{number}") not in (None, description):
            number += 1
        folder = RUNS / f"noise-sweep-{number}"
    elif _holds(folder) not in (None, description):
        raise RunError(
            f"out: {folder} holds something else than this sweep; choose another folder, or add to a table with --table"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_text(folder / SETTINGS, yaml.safe_dump(description, sort_keys=False))
    except OSError as error:
        raise RunError(f"out: cannot write {folder} ({error.strerror}); choose a writable folder") from error
    return rows or folder / ROWS, folder / PICTURE


def _holds(folder: Path) -> Any:
    """Return the description of the sweep in a folder: None where there is nothing, {} where it is something else."""
    try:
        if not any(path.name[0] != "." for path in folder.iterdir()):
            return None
        return yaml.safe_load((folder / SETTINGS).read_text()) or {}
    except (FileNotFoundError, NotADirectoryError):
        return {} if folder.exists() else None
    except (OSError, yaml.YAMLError, UnicodeDecodeError):
        return {}


def _report(summary: pd.DataFrame) -> None:
    """Print one table a noise: strengths in rows, engines and trainings in columns."""
    summary = summary.assign(line=line_names(summary))
    for noise, part in summary.groupby("noise", sort=False):
        lines = list(dict.fromkeys(part.line))
        cells = {
            (
                row["strength"],
                row["line"],
            ): f"{100 * row['accuracy']:.2f} [{100 * row['low']:.1f}, {100 * row['high']:.1f}] %"
            for row in part.to_dict("records")
        }
        rows = [
            (f"{strength:g}", *(cells.get((strength, line), "-") for line in lines))
            for strength in dict.fromkeys(part.strength)
        ]
        what = strength_label(str(noise)).translate({ord(character): None for character in "$\\{}"})
        table(f"{noise}: accuracy, 95 % ({_over(part)}); strength: {what}", ("strength", *lines), rows)


def _interval(mean: float, low: float, high: float) -> str:
    return f"{mean:.2f} [{low:.1f}, {high:.1f}] %"


def _over(part: pd.DataFrame) -> str:
    return " and ".join(f"over {name}" for name in dict.fromkeys(part.over))


def _records(frame: SweepFrame | pd.DataFrame) -> list[dict[str, Any]]:
    """Return rows as JSON takes them: nothing in the place of what is missing."""
    plain = pd.DataFrame(frame).astype(object)
    records: Any = plain.where(plain.notna(), None).to_dict("records")
    return list(records)
