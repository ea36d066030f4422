"""`sqnn study`."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from circuits import ENTANGLERS, INITIALS
from circuits.diagnostics.gradient_rules import ALGORITHMS
from sqnn.cli.options import given, read_config
from sqnn.cli.output import check_json, console, table, write_json
from sqnn.cli.study_conversion import conversion
from sqnn.cli.study_encoders import encoders
from sqnn.cli.study_layers import layers
from sqnn.cli.study_parts import configure, fresh_folder, make_folder, records, save_figure
from sqnn.core import write_text
from sqnn.studies import GradientStudy, plot_gradients, summarise, train_student
from sqnn.training import versions

DEFAULT = GradientStudy()
FIELDS = {"qubits": "n_qubits", "blocks": "n_blocks"}

study = typer.Typer(name="study", help="Compare choices on one small task.", no_args_is_help=True)


@study.callback()
def studies() -> None:
    """Compare choices on one small task and write rows, a picture and a table."""


for command in (layers, encoders, conversion):
    study.command()(command)


@study.command()
def gradients(
    qubits: Annotated[
        int | None, typer.Option("--qubits", "--n-qubits", help=f"wires (default: {DEFAULT.n_qubits})")
    ] = None,
    blocks: Annotated[
        int | None, typer.Option("--blocks", "--n-blocks", help=f"re-uploads (default: {DEFAULT.n_blocks})")
    ] = None,
    entangler: Annotated[
        str | None, typer.Option(help=f"{', '.join(ENTANGLERS)} (default: {DEFAULT.entangler})")
    ] = None,
    steps: Annotated[int | None, typer.Option(help=f"updates a run (default: {DEFAULT.steps})")] = None,
    seeds: Annotated[int | None, typer.Option(help=f"tasks, seeds 0, 1, ... (default: {DEFAULT.seeds})")] = None,
    samples: Annotated[int | None, typer.Option(help=f"data points a task (default: {DEFAULT.samples})")] = None,
    learning_rate: Annotated[float | None, typer.Option(help=f"Adam's (default: {DEFAULT.learning_rate})")] = None,
    algorithms: Annotated[
        str | None, typer.Option(help=f"with commas, from {', '.join(ALGORITHMS)} (default: all)")
    ] = None,
    initials: Annotated[
        str | None, typer.Option(help=f"with commas, from {', '.join(INITIALS)} (default: all)")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="folder for gradients.csv and .png (default: runs/gradients-<n>)")
    ] = None,
    config: Annotated[Path | None, typer.Option(help="YAML file of options; flags override it")] = None,
    json: Annotated[Path | None, typer.Option(help="also write settings and summary to this JSON file")] = None,
    progress: Annotated[bool, typer.Option(help="show a progress bar")] = True,
) -> None:
    """Train the circuit alone, by each way to differentiate it and from each initialisation.

    A random teacher circuit sets the task. All algorithms train from the first of the initialisations, all
    initialisations with the first of the algorithms. Examples:

    sqnn study gradients

    sqnn study gradients --qubits 6 --blocks 3 --algorithms backprop-lightcone,spsa --steps 200 --seeds 5
    """
    values: dict[str, Any] = {
        "qubits": qubits,
        "blocks": blocks,
        "entangler": entangler,
        "steps": steps,
        "seeds": seeds,
        "samples": samples,
        "learning_rate": learning_rate,
        "algorithms": algorithms,
        "initials": initials,
        "out": out,
    }
    check_json(json)
    settings = {**_renamed(read_config(config)), **_renamed(given(values))}
    folder = fresh_folder("gradients", settings.pop("out", None))
    chosen = configure(GradientStudy, settings, ("algorithms", "initials"), ("out",))
    frame = _train(chosen, folder, progress)
    save_figure(folder / "gradients.png", plot_gradients(frame))
    summary = summarise(frame)
    _report(chosen, summary)
    console.print(f"rows: {folder / 'gradients.csv'}\npicture: {folder / 'gradients.png'}")
    write_json(
        json,
        {
            "study": dataclasses.asdict(chosen),
            "summary": records(summary),
            "folder": str(folder),
            "versions": versions(),
        },
    )


def _renamed(values: dict[str, Any]) -> dict[str, Any]:
    return {FIELDS.get(name, name): value for name, value in values.items()}


def _train(chosen: GradientStudy, folder: Path, progress: bool) -> pd.DataFrame:
    """Do the runs one after the other; the rows on disk grow by whole runs."""
    make_folder(folder)
    trainings = chosen.trainings()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    done: list[pd.DataFrame] = []
    with Progress(*columns, console=console, transient=True, disable=not (progress and console.is_terminal)) as bar:
        task = bar.add_task("", total=len(trainings) * chosen.steps)
        for one in trainings:
            bar.update(task, description=f"{one.algorithm}, {one.initial}, seed {one.seed}")
            done.append(train_student(chosen, one, tick=lambda: bar.advance(task)))
            write_text(folder / "gradients.csv", pd.concat(done, ignore_index=True).to_csv(index=False))
    return pd.concat(done, ignore_index=True)


def _report(chosen: GradientStudy, summary: pd.DataFrame) -> None:
    """Print one table by algorithm and one by initialisation."""
    c = chosen.circuit
    console.print(
        f"{c.n_qubits} qubits, {c.n_blocks} blocks, {c.entangler}: mean squared error at the start and after "
        f"{chosen.steps} steps, geometric mean of {chosen.seeds} seeds; circuits and milliseconds a step"
    )
    rows = [
        (
            row["algorithm"],
            f"{row['first_loss']:.2e}",
            f"{row['last_loss']:.2e}",
            f"{row['cosine']:.3f}",
            f"{row['executions_per_step']:,.0f}",
            f"{1000 * row['seconds_per_step']:.1f}",
        )
        for row in summary[summary.initial == chosen.initials[0]].to_dict("records")
    ]
    columns = ("algorithm", "start", "end", "cosine", "circuits", "ms")
    table(f"by algorithm, {chosen.initials[0]} start", columns, rows)
    kept = summary[summary.algorithm == chosen.algorithms[0]].to_dict("records")
    starts = [(row["initial"], f"{row['first_loss']:.2e}", f"{row['last_loss']:.2e}") for row in kept]
    table(f"by initialisation, {chosen.algorithms[0]}", ("initial", "start", "end"), starts)
