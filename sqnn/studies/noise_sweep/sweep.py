"""The functions that run a noise sweep and return its rows."""

from __future__ import annotations

import typing
from collections.abc import Iterable, Sequence
from pathlib import Path

from sqnn.data import ImageData
from sqnn.studies.noise_sweep.cells import SweepCell
from sqnn.studies.noise_sweep.columns import ResultsTable
from sqnn.studies.noise_sweep.frame import SweepFrame
from sqnn.studies.noise_sweep.networks import Subject
from sqnn.studies.noise_sweep.study import DEFAULT_STRENGTH, NoiseSweep
from sqnn.studies.runner import measure_cells, run_study

if typing.TYPE_CHECKING:
    from sqnn.models import Make


def noise_sweep(
    models: object,
    data: ImageData | None = None,
    noise: object = "depolarizing",
    strength: object = DEFAULT_STRENGTH,
    engine: str | Iterable[str] = "lightcone",
    shots: int | None = None,
    seeds: int = 1,
    *,
    images: int | None = None,
    split: str = "test",
    second: object = (),
    jobs: str | Path | None = None,
    yes: bool = False,
    model: Make | None = None,
    table: str | Path | None = None,
    out: str | Path | None = None,
    scheduler: str | None = None,
    workers: int | None = None,
    progress: bool = True,
) -> SweepFrame:
    """Measure trained networks under noise; return one row per measurement, with `.plot()`, `.summary()`, `.table()`.

    `models` is one or several of: a run's folder, a network's file, a Run, a network; `data` are the images, by
    default those of the run. A network may be any nn.Module that holds a `ReuploadLayer`; one of your own runs as a
    whole under each noise, and `model` makes those in files and folders, as in `load_model`.

    `noise` is one or several of: names with commas (`depolarizing`, `paper`, `torino`,
    `depolarizing:0.01+readout:0.02`), JSON, a Noise, an Aer NoiseModel, a Qiskit backend, or a function from a strength
    to one of these; a mapping gives them names of your own. `strength` are numbers or a text such as `0:0.2:0.02`
    (start:stop:step): the parameter of bare kinds, the argument of a function, and the factor on all error rates and
    gate times of everything else, on the probability of each error of an Aer model.

    `second` are strengths of the second of two bare kinds, or the second argument of a function, each measured with
    every `strength`; `.plot()` is a heat map then. Without `shots` expectations are exact and there is one draw, with
    them there are `seeds`, numbered from 0. Only the first `images` of `split` are measured, all of them where None.
    The spiking front-end of the package's networks is evaluated once, since noise does not reach it. The engine
    `runtime` runs on the machine of a chip's noise, with the exact prediction beside it; `jobs` and `yes` are those of
    `circuits.RuntimeEngine`.

    The measurements run on a Dask cluster: on that of `scheduler` (its address, tcp://host:port), or else in `workers`
    processes of this machine (one per core by default; 0: in this process). Each one is appended to the CSV file
    `table` (or `rows.csv` in the folder `out`) as soon as it is there, and measurements that the table has are not made
    again: a sweep that died goes on when it is called again. Numbers do not depend on where and in which order they are
    computed.

    Raises ValueError before anything is measured where something does not fit, and SweepError after the last
    measurement where some failed; the others are in the table then.
    """
    options = {"noise": noise, "strength": strength, "engine": engine, "shots": shots, "seeds": seeds}
    where = None if jobs is None else str(jobs)
    sweep = NoiseSweep.from_dict(
        {**options, "images": images, "split": split, "second": second, "jobs": where, "yes": yes}
    )
    rows = run_study(
        sweep, models, data, None, model, out=out, table=table, scheduler=scheduler, workers=workers, progress=progress
    )
    return typing.cast(SweepFrame, rows)


def run_cells(
    cells: Sequence[SweepCell],
    subjects: Sequence[Subject],
    table: str | Path | None = None,
    scheduler: str | None = None,
    workers: int | None = None,
    progress: bool = True,
) -> SweepFrame:
    """Make the measurements that the table lacks; return all of them. Arguments and errors as in `noise_sweep`."""
    stored = None if table is None else ResultsTable(Path(table))
    frame = measure_cells(NoiseSweep(), cells, subjects, stored, None, scheduler, workers, progress)
    return SweepFrame(frame)
