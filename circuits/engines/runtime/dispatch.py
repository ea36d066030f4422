"""Jobs of one circuit with many rows of parameters: what they cost is stated, ids and results are kept."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from circuits.engines.runtime.jobs import JobFolder, Record, Values
from circuits.engines.runtime.machine import Job, Machine
from noise_models import reason

if TYPE_CHECKING:
    from qiskit import QuantumCircuit
    from qiskit.primitives import PrimitiveResult

JOB_ROWS = 300
"""Most rows of parameters in one job."""
JOB_SHOTS = 5_000_000
"""Most shots of one job, half of what IBM's machines take."""


@dataclass(frozen=True, eq=False)
class Program:
    """A circuit in a machine's gates, the primitive and the observables that read it, and how a result is read.

    `read` returns the expectations [rows, reads] of a primitive's result.
    """

    primitive: str
    circuit: QuantumCircuit
    observables: Sequence[Sequence[str]]
    shots: int
    read: Callable[[PrimitiveResult[Any]], Values]

    @property
    def rows_per_job(self) -> int:
        """Rows of parameters in a full job."""
        return max(1, min(JOB_ROWS, JOB_SHOTS // self.shots))


@dataclass(frozen=True, eq=False)
class Dispatch:
    """How programs are run on a machine; `yes` allows to send to one that may cost money."""

    machine: Machine
    jobs: JobFolder
    yes: bool

    def cost(self, program: Program, rows: int) -> str:
        """Return in words what so many rows take: jobs, circuits, shots, and seconds of the machine."""
        jobs, shots = -(-rows // program.rows_per_job), rows * program.shots
        return (
            f"{jobs:,} job{'' if jobs == 1 else 's'} to {self.machine.name}: {rows:,} "
            f"circuit{'' if rows == 1 else 's'} of {program.shots:,} shots, {shots:,} shots in all, about "
            f"{shots * self.machine.shot_seconds:,.0f} s of the machine"
        )

    def run(self, program: Program, request: str, rows: Values, seed: int) -> Values:
        """Return the expectations [rows, reads]: those that are kept, those of jobs under way, and the rest.

        `request` names the program, its rows and its seed, and so the jobs. ValueError where something may not be sent,
        is refused, or has failed.
        """
        step = program.rows_per_job
        pieces = [rows[start : start + step] for start in range(0, len(rows), step)]
        with self.jobs.request(request):
            work = []
            for number, piece in enumerate(pieces):
                tag = f"sqnn-{request}-{number}"
                work.append(self._known(Record(tag, self.machine.name, program.primitive, program.shots, len(piece))))
            new = [number for number, (record, job) in enumerate(work) if record.values is None and job is None]
            if new and not self.machine.is_local:
                rows_to_send = sum(len(pieces[number]) for number in new)
                self.ask(program, rows_to_send)
                print(f"sending {self.cost(program, rows_to_send)}", file=sys.stderr, flush=True)
            for number in new:
                work[number] = self._send(program, work[number][0], pieces[number], seed + number)
                if self.machine.is_local:  # nothing is gained by sending all of them first
                    work[number] = self._receive(program, *work[number]), None
            finished = [self._receive(program, record, job) for record, job in work]
        return np.concatenate([np.array(record.values) for record in finished])

    def _known(self, empty: Record) -> tuple[Record, Job | None]:
        """Return what is known of a job: its values, or the job that is under way, or nothing."""
        record = self.jobs.read(empty)
        if record is None or record.values is not None:
            return record or empty, None
        job = None if self.machine.is_local else self.machine.find(record.job_id, record.tag)
        return (empty, None) if job is None else (self._note(record, job), job)

    def ask(self, program: Program, rows: int) -> None:
        """Raise ValueError, saying what it would take, where so many rows may not be sent."""
        if self.machine.is_local:
            return
        cost = self.cost(program, rows)
        if not self.yes:
            raise ValueError(f"yes: got False, expected True to send {cost}; nothing was sent")
        if self.jobs.path is None:
            raise ValueError(f"jobs: got None, expected a folder for ids and results of {cost}; nothing was sent")

    def _send(self, program: Program, empty: Record, rows: Values, seed: int) -> tuple[Record, Job]:
        self.jobs.write(empty)  # first: whoever finds it asks the machine for the tag
        job = self.machine.send(
            program.primitive, program.circuit, rows, program.observables, program.shots, seed, empty.tag
        )
        return self._note(empty, job), job

    def _note(self, record: Record, job: Job) -> Record:
        record = replace(record, job_id=str(job.job_id()))
        self.jobs.write(record)
        return record

    def _receive(self, program: Program, record: Record, job: Job | None) -> Record:
        """Return the record with its values; ValueError, with the machine's words, where the job has none."""
        if job is None:
            return record
        try:
            values = program.read(job.result())
        except Exception as error:
            file = self.jobs.file(record.tag)
            mend = "call again" if file is None else f"call again to ask once more, or remove {file} to send it anew"
            raise ValueError(
                f"backend: job {record.job_id} of {self.machine.name} gave no result ({reason(error)}); {mend}"
            ) from error
        record = replace(record, values=values.tolist())
        self.jobs.write(record)
        return record
