"""Noise sweeps: what becomes of trained networks as the noise of their circuits grows."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import noise_models
from circuits import CHIP_SHAPES, ENGINES
from sqnn.core import ConfigError, sweep_progress
from sqnn.data import ImageData
from sqnn.studies.noise_sweep.cells import Cell, Task, measure, noisy_network
from sqnn.studies.noise_sweep.frame import SweepFrame
from sqnn.studies.noise_sweep.grid import parse_strengths, split_names
from sqnn.studies.noise_sweep.networks import Subject, open_subjects
from sqnn.studies.runner.cluster import check_cluster, run_tasks
from sqnn.studies.runner.table import ResultsTable, Row, frame_of, row_key

DEFAULT_STRENGTH = "0:0.2:0.02"
MAX_SEEDS = 1_000_000
FINGERPRINT = 16
"""Hexadecimal digits of a row's fingerprint; 64 bits tell a billion measurements apart."""


class SweepError(ValueError):
    """Cells that could not be measured: one line naming the first of them and why."""


@dataclass(frozen=True, kw_only=True)
class NoiseSweep:
    """What is measured: every network under every noise, at every strength, by every engine, in every draw.

    `noise` are specifications (`depolarizing`, `paper`, `torino`, `depolarizing:0.01+readout:0.02`, JSON) or Noise
    objects. `strength` is the parameter of a bare kind with one parameter, and the factor on all error rates and gate
    times of everything else. Without `shots` expectations are exact and there is one draw, with them there are
    `seeds`, numbered from 0. Only the first `images` of `split` are measured, all of them where None.

    Raises ConfigError on an unknown engine, and on a number out of its range.
    """

    noise: tuple[Any, ...] = ("depolarizing",)
    strength: tuple[float, ...] = parse_strengths(DEFAULT_STRENGTH)
    engine: tuple[str, ...] = ("lightcone",)
    shots: int | None = None
    seeds: int = 1
    images: int | None = None
    split: str = "test"

    def __post_init__(self) -> None:
        object.__setattr__(self, "noise", split_names(self.noise, "noise"))
        object.__setattr__(self, "strength", parse_strengths(self.strength))
        object.__setattr__(self, "engine", split_names(self.engine, "engine"))
        for name in self.engine:
            if name not in ENGINES:
                raise ConfigError(f"engine: got {name!r}, expected one of {', '.join(ENGINES)}")
        for name, most in (("shots", None), ("images", None), ("seeds", MAX_SEEDS)):
            value = getattr(self, name)
            if value is None and most is None:
                continue
            if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= (most or value):
                raise ConfigError(f"{name}: got {value!r}, expected a whole number of at least 1")

    @property
    def draws(self) -> tuple[int | None, ...]:
        """The repetitions of every measurement: exact expectations have none."""
        return (None,) if self.shots is None else tuple(range(self.seeds))

    def cells(self, subjects: Sequence[Subject]) -> list[Cell]:
        """List the measurements in their order: network, noise, strength, engine, draw.

        Every noise is built at every strength, and every engine at the largest. Raises ValueError where that is
        impossible: a strength beyond physics, an unknown name, a chip without enough qubits.
        """
        cells: list[Cell] = []
        built: dict[tuple[Any, ...], str] = {}
        for number, subject in enumerate(subjects):
            register = (subject.config.n_qubits, CHIP_SHAPES[subject.config.entangler])
            for (label, text), strength in product(map(_named, self.noise), self.strength):
                sort = (text, strength, *register)
                if sort not in built:  # the qubits of a chip take a while to choose
                    built[sort] = _at_strength(label, *sort).to_json()
                meant = built[sort]
                digest = hashlib.sha256(f"{subject.fingerprint} {meant}".encode()).hexdigest()[:FINGERPRINT]
                cells += [
                    Cell(number, subject.label, label, strength, engine, self.shots, draw, meant, digest)
                    for engine, draw in product(self.engine, self.draws)
                ]
        tried = {
            (subjects[cell.subject].network.config, cell.noise, cell.engine): cell
            for cell in cells
            if cell.strength == max(self.strength)
        }
        for cell in tried.values():
            noisy_network(subjects[cell.subject].network, cell)
        return cells


def noise_sweep(
    models: Any,
    data: ImageData | None = None,
    noise: Any = "depolarizing",
    strength: Any = DEFAULT_STRENGTH,
    engine: str | Iterable[str] = "lightcone",
    shots: int | None = None,
    seeds: int = 1,
    *,
    images: int | None = None,
    split: str = "test",
    table: str | Path | None = None,
    scheduler: str | None = None,
    workers: int | None = None,
    progress: bool = True,
) -> SweepFrame:
    """Measure trained networks under noise; return one row a measurement, as a DataFrame with `.plot()`.

    `models` is one or several of: a run's folder, a network's file, a Run, a network; `data` are the images, by
    default those of the run. `noise` and `engine` are names with commas or lists, `strength` numbers or a text such as
    `0:0.2:0.02` (start:stop:step); NoiseSweep says what they mean. The spiking front-end is evaluated once a network,
    since noise does not reach it.

    The measurements run on a Dask cluster: on that of `scheduler` (its address, tcp://host:port), or else in `workers`
    processes of this machine (one a core by default; 0: in this process). Each one is appended to the CSV file `table`
    as soon as it is there, and measurements that the table has are not made again: a sweep that died goes on when it is
    called again. Numbers do not depend on where and in which order they are computed.

    Raises ValueError before anything is measured where something does not fit, and SweepError behind the last
    measurement where some failed; the others are in the table then.
    """
    sweep = NoiseSweep(
        noise=split_names(noise, "noise"),
        strength=parse_strengths(strength),
        engine=split_names(engine, "engine"),
        shots=shots,
        seeds=seeds,
        images=images,
        split=split,
    )
    subjects = open_subjects(models, data, split, images)
    return run_cells(sweep.cells(subjects), subjects, table, scheduler, workers, progress)


def run_cells(
    cells: Sequence[Cell],
    subjects: Sequence[Subject],
    table: str | Path | None = None,
    scheduler: str | None = None,
    workers: int | None = None,
    progress: bool = True,
) -> SweepFrame:
    """Make the measurements that the table lacks; return all of them. Arguments and errors as in `noise_sweep`."""
    if check_cluster(scheduler, workers) == 0 and progress:
        print(f"the scheduler at {scheduler} has no workers yet; waiting for them", flush=True)
    stored = None if table is None else ResultsTable(Path(table))
    if stored is not None:
        stored.append([])  # what cannot be written shows itself now
    wanted = {row_key(cell.columns): cell for cell in cells}
    rows: dict[tuple[str, ...], Row] = {}
    for row in stored.rows() if stored is not None else ():
        if row_key(row) in wanted:
            rows.setdefault(row_key(row), row)
    missing = [cell for key, cell in wanted.items() if key not in rows]
    failed: list[tuple[Cell, Exception]] = []
    if missing:
        with sweep_progress(len(missing), progress) as tick:
            shared = _tasks(subjects, missing)
            tasks = [(cell.subject, cell) for cell in missing]
            for outcomes in run_tasks(measure, shared, tasks, scheduler=scheduler, workers=workers):
                finished = []
                for number, value in outcomes:
                    cell = missing[number]
                    if isinstance(value, Exception):
                        failed.append((cell, value))
                    else:
                        finished.append({**subjects[cell.subject].columns, **cell.columns, **value})
                        tick(f"{cell}: {value['accuracy']:.2%}")
                if stored is not None:
                    stored.append(finished)
                rows.update((row_key(row), row) for row in finished)
    if failed:
        raise _failure(failed, len(rows), stored)
    return SweepFrame(frame_of([rows[key] for key in wanted]))


def _named(noise: Any) -> tuple[str, str]:
    """Return the words that stand in the table for a noise, and the specification that it is built from."""
    if isinstance(noise, noise_models.Noise):
        return _one_line(repr(noise)), noise.to_json()
    if not isinstance(noise, str):
        raise ConfigError(f"noise: got {type(noise).__name__}, expected a specification or a Noise")
    if noise.lstrip().startswith("{"):
        return _one_line(repr(noise_models.parse_noise(noise))), noise
    return _one_line(noise), noise


def _at_strength(label: str, text: str, strength: float, n_qubits: int, shape: str) -> noise_models.Noise:
    try:
        return noise_models.at_strength(text, strength, n_qubits, shape)
    except ValueError as error:
        # What is wrong with the specification itself names it already, and is wrong at every strength.
        where = "" if str(error).startswith("noise: ") else f"noise: {label} at strength {strength:g} cannot be: "
        raise ConfigError(f"{where}{error}") from error


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _tasks(subjects: Sequence[Subject], missing: Sequence[Cell]) -> list[Task | None]:
    """Evaluate the front-ends of the networks that still have something to be measured."""
    used = {cell.subject for cell in missing}
    return [
        Task(subject.network, subject.angles(), subject.images.labels.numpy()) if number in used else None
        for number, subject in enumerate(subjects)
    ]


def _failure(failed: Sequence[tuple[Cell, Exception]], finished: int, stored: ResultsTable | None) -> SweepError:
    cell, error = failed[0]
    reason = " ".join(str(error).split()) or type(error).__name__
    others = f", and so did {len(failed) - 1:,} others" if len(failed) > 1 else ""
    kept = f"; {finished:,} finished rows are in {stored.path}" if stored is not None else ""
    return SweepError(f"sweep: the cell {cell} failed ({reason}){others}{kept}")
