"""Runs of circuits on Aer: many rows of angles in one job, <Z> of the read wires as the result."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.quantum_info import Kraus
from qiskit.result.models import ExperimentResultData
from qiskit_aer import AerSimulator
from qiskit_aer.jobs import aerjob
from qiskit_aer.noise import NoiseModel

from circuits.engines.aer.cones import NoisyStep, Turn
from circuits.schedule import DELAY
from circuits.transfer import make_gate
from noise_models import readout_line, readout_matrix, transfer_to_kraus

Rows = NDArray[np.floating]

PIECE_BYTES = 64 * 2**20
"""Quantum states that one job holds at a time, in bytes: Aer keeps the state of every row until the job ends."""
MAX_ROWS = 4096
"""Rows of one job, however small."""
SAVED = "probabilities"


PROCESS = os.getpid()
"""The process that loaded Aer."""


def _renew_executor() -> None:
    aerjob.DEFAULT_EXECUTOR = ThreadPoolExecutor(max_workers=1)


# Aer hands every job to one thread, which a forked process (a DataLoader's worker) lacks: it would wait for ever.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_executor)


@dataclass(frozen=True, eq=False)
class AerProgram:
    """Instructions of a circuit that end in reading some wires; the angles with slots are its parameters, in order.

    The other wires and the instructions left out are not simulated.
    """

    steps: tuple[int, ...]
    wires: tuple[int, ...]
    reads: tuple[int, ...]
    turns: tuple[Turn, ...]
    parameters: tuple[Parameter, ...] = field(repr=False)
    circuit: QuantumCircuit = field(repr=False)


def make_program(
    steps: Sequence[NoisyStep], included: Sequence[int], reads: Sequence[int], n_wires: int, measured: bool
) -> AerProgram:
    """Return the program of the instructions `included`, which measures the wires `reads` or saves probabilities."""
    circuit = QuantumCircuit(n_wires, len(reads) if measured else 0)
    turns: list[Turn] = []
    parameters: list[Parameter] = []
    wires = set(reads)
    for number in included:
        instruction = steps[number].instruction
        angles: list[float | Parameter] = []
        for position, angle in enumerate(instruction.angles):
            if angle.terms:
                turns.append((number, position))
                parameters.append(Parameter(f"a{len(parameters)}"))
                angles.append(parameters[-1])
            else:
                angles.append(angle.offset)
        waited = steps[number].noise if instruction.name == DELAY else None
        gate = (
            make_gate(instruction.name, angles) if waited is None else Kraus(transfer_to_kraus(waited)).to_instruction()
        )
        circuit.append(gate, instruction.wires)
        wires.update(instruction.wires)
    if measured:
        circuit.measure(list(reads), range(len(reads)))
    else:
        circuit.save_probabilities(list(reads), label=SAVED)
    return AerProgram(tuple(included), tuple(sorted(wires)), tuple(reads), tuple(turns), tuple(parameters), circuit)


class Runner:
    """Run programs on one Aer simulator, without truncation of small values; exact ones in double precision.

    Fusion joins neighbouring instructions of one wire, and of a pair where two-qubit noise makes matrices of that size
    anyway.
    """

    def __init__(self, model: NoiseModel | None, method: str, pairs: bool, shots: int | None) -> None:
        self.shots = shots
        self.bytes_per_wire = 4 if method == "density_matrix" else 2
        self._simulator = AerSimulator(
            method=method,
            noise_model=model,
            zero_threshold=0.0,
            # Rounding of 1e-7 in a probability is far below what any number of shots can tell.
            precision="double" if shots is None else "single",
            # Small circuits gain from being bound as they run; large ones from being circuits of their own, which Aer
            # then spreads over the cores, one core per circuit.
            runtime_parameter_bind_enable=shots is None,
            max_parallel_experiments=0,
            **({"fusion_max_qubit": 2 if pairs else 1} if method == "density_matrix" else {}),
        )
        self._model = model

    def state_bytes(self, program: AerProgram) -> int:
        """Return the bytes of one quantum state of a program."""
        return int(16 * self.bytes_per_wire ** len(program.wires))

    def run(self, jobs: Sequence[tuple[AerProgram, Rows]], seeds: Iterator[int]) -> list[Rows]:
        """Return <Z> [rows, reads] of each program for its rows of angles [rows, parameters] in radians.

        Raises RuntimeError, with Aer's own words, where Aer fails.
        """
        counts = [len(rows) for _, rows in jobs]
        # Total noise can cut a wire off from every angle. Aer runs a circuit without parameters once for all rows.
        jobs = [(program, rows if program.parameters else rows[:1]) for program, rows in jobs]
        values: list[list[Rows]] = [[] for _ in jobs]
        for piece in self._pieces(jobs):
            circuits = [jobs[number][0].circuit for number, _ in piece]
            binds = [dict(zip(jobs[number][0].parameters, rows.T.tolist(), strict=True)) for number, rows in piece]
            options = {"shots": 1} if self.shots is None else {"shots": self.shots, "seed_simulator": next(seeds)}
            if os.getpid() != PROCESS:
                # Nor do the threads of OpenMP, which Aer runs on, survive a fork.
                options["max_parallel_threads"] = 1
            result = self._simulator.run(circuits, parameter_binds=binds, **options).result()
            if not result.success:
                failed = [str(one.status) for one in result.results if not one.success]
                raise RuntimeError(f"Aer failed: {'; '.join([str(result.status), *failed[:1]])}")
            data = iter(result.results)
            for number, rows in piece:
                values[number].append(self._read(jobs[number][0], [next(data).data for _ in rows]))
        joined = [
            np.concatenate(pieces) if pieces else np.zeros((0, len(program.reads)))
            for pieces, (program, _) in zip(values, jobs, strict=True)
        ]
        return [
            np.repeat(rows, count, axis=0) if len(rows) == 1 else rows
            for rows, count in zip(joined, counts, strict=True)
        ]

    def _pieces(self, jobs: Sequence[tuple[AerProgram, Rows]]) -> Iterator[list[tuple[int, Rows]]]:
        """Cut jobs into pieces that Aer can hold at a time."""
        piece: list[tuple[int, Rows]] = []
        room, rows_left = PIECE_BYTES, MAX_ROWS
        for number, (program, rows) in enumerate(jobs):
            done = 0
            while done < len(rows):
                fits = min(rows_left, room // self.state_bytes(program))
                if fits < 1 and piece:
                    yield piece
                    piece, room, rows_left = [], PIECE_BYTES, MAX_ROWS
                    continue
                part = rows[done : done + max(1, fits)]
                piece.append((number, part))
                done += len(part)
                room -= len(part) * self.state_bytes(program)
                rows_left -= len(part)
        if piece:
            yield piece

    def _read(self, program: AerProgram, data: Sequence[ExperimentResultData]) -> Rows:
        n = len(program.reads)
        if self.shots is None:
            probabilities = np.stack([vars(one)[SAVED] for one in data])
            values = probabilities @ _signs(np.arange(2**n), n)
            return self._read_out(values, program.reads)
        out = np.empty((len(data), n))
        for row, one in enumerate(data):
            counts = one.counts
            outcomes = np.array([int(key, 16) for key in counts], dtype=np.int64)
            out[row] = np.array(list(counts.values()), dtype=float) @ _signs(outcomes, n) / self.shots
        return out

    def _read_out(self, values: Rows, wires: Sequence[int]) -> Rows:
        """Apply readout errors, which saved probabilities do not know: <Z> -> (1 - p01 - p10) <Z> + p10 - p01."""
        if self._model is None:
            return values
        lines = np.array([readout_line(readout_matrix(self._model, wire)) for wire in wires])
        read: Rows = lines[:, 0] + lines[:, 1] * values
        return read


def _signs(outcomes: NDArray[np.int64], n: int) -> Rows:
    """Return the values of Z [outcomes, n], 1 for a bit 0 and -1 for a bit 1; wire 0 is the least significant bit."""
    signs: Rows = 1.0 - 2.0 * ((outcomes[:, None] >> np.arange(n)) & 1)
    return signs
