"""The circuit as Qiskit primitives on a backend: shots of a simulator, of a machine's snapshot or of the machine."""

from __future__ import annotations

import hashlib
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from circuits.compile import compile_circuit
from circuits.engines.base import Engine, own_generator
from circuits.engines.outside import Evaluation, Needs
from circuits.engines.runtime.dispatch import Dispatch, Program
from circuits.engines.runtime.jobs import TAG, JobFolder, Values
from circuits.engines.runtime.machine import ESTIMATOR, PRIMITIVES, SAMPLER, Machine, open_machine
from circuits.noise import resolve_noise
from circuits.observables import Observable, letters_of
from circuits.reupload import DataReupload
from circuits.shapes import Expectations, OwnInputs, OwnWeights
from noise_models import Noise, chip_name, digest, from_aer, whole

if TYPE_CHECKING:
    from qiskit import QuantumCircuit
    from qiskit.primitives import PrimitiveResult

    from circuits.engines.runtime.machine import Mode

BITS = "z"
"""The classical register of the sampler: bit i is wire i."""
READS = ("Z", "ZZ")
"""What is read without a rotation, which would be noisy itself."""


class RuntimeEngine(Engine):
    """Evaluate `engine(inputs, weights) -> <Z>` by `SamplerV2` or `EstimatorV2` on a Qiskit backend.

    The contract is `Engine`'s, for words of Z, and always with `shots`. `backend` is a chip's name (`torino`: the
    snapshot that ships with qiskit-ibm-runtime, simulated here), `account:ibm_torino` (the machine, by the account
    saved with qiskit-ibm-runtime), any Qiskit backend, a Session or a Batch, or `aer`; by default the machine that the
    `noise` was calibrated on, or for other noise an Aer simulator under it. On a machine the circuit is written in its
    own gates on its best qubits, or on those of `noise`, so that no transpiler touches it, and `noise` becomes what the
    other engines predict it by. The sampler reads all wires of a shot together; the estimator runs without mitigation.

    A call is one circuit with one row of parameters per sample, in jobs of at most 300 rows. `jobs` is a folder
    where ids and results are kept: the same call, with the same state of its generator, reads what is there, fetches
    what was sent, and sends the rest. On a simulator the generator seeds the shots.

    What is no simulator may cost money: there a call says on standard error what it sends, and raises ValueError,
    sending nothing, without `yes=True` and a folder for the jobs. Gradients are parameter shifts of every angle,
    12 n_qubits n_blocks runs per sample, and are computed on simulators alone.

    Raises ValueError on missing shots, an unknown primitive or backend, a machine with too few qubits or without gates
    for the circuit, noise that is not the machine's own, and, with the machine's words, where it refuses a job.
    """

    name = "runtime"

    def __init__(
        self,
        circuit: DataReupload,
        *,
        noise: Noise | None = None,
        shots: int | None = None,
        observable: Observable = "Z",
        generator: torch.Generator | None = None,
        backend: Mode | str | None = None,
        primitive: str = SAMPLER,
        jobs: str | Path | None = None,
        yes: bool = False,
    ) -> None:
        if shots is None:
            raise ValueError("shots: got None, expected a whole number: a machine counts outcomes (exact: lightcone)")
        PRIMITIVES.pick(primitive)
        shots = whole("shots", shots)
        super().__init__(circuit, noise=noise, shots=shots, observable=observable)
        if letters_of(self.reads) != {"Z"}:
            raise ValueError(
                f"observable: got {self.observable!r}, expected one of {', '.join(READS)} or words of Z: others take a "
                "rotation before the reading, which is noisy itself"
            )
        self.primitive = primitive
        self.generator = own_generator(generator)
        self.machine = open_machine(backend, noise)
        self.noise, self.qubits = _placed(self.machine, noise, circuit)
        self._compiled = compile_circuit(circuit, self.noise)
        self._reads = [tuple(wire for wire, _ in word) for word in self.reads]
        written = self._written()
        self._parameters = [
            parameter.index + "xwc".index(parameter.name[0]) * circuit.n_weights for parameter in written.parameters
        ]
        self._program = Program(primitive, written, self._observables(written.num_qubits), shots, self._read)
        self._dispatch = Dispatch(self.machine, JobFolder(jobs), bool(yes))

    def details(self) -> tuple[str, ...]:
        return (f"{self.primitive} on {self.machine.name}",)

    def __call__(
        self, inputs: OwnInputs, weights: OwnWeights, generator: torch.Generator | None = None
    ) -> Expectations:
        self.check_angles(inputs, weights)
        out: Tensor = Evaluation.apply(inputs, weights, self, generator or self.generator)
        return out

    def values(self, inputs: Tensor, weights: Tensor, generator: torch.Generator | None) -> Tensor:
        """Return the expectations [batch, reads] of inputs [batch, n_inputs] and weights [n_blocks, n, 3]."""
        return inputs.new_tensor(self._run(self._slots(inputs, weights), generator or self.generator))

    def jacobian(self, inputs: Tensor, weights: Tensor, needs: Needs, generator: torch.Generator | None) -> Tensor:
        """Return (f(a + pi/2) - f(a - pi/2)) / 2 for the angles in `needs`, float64 [batch, reads, all angles].

        ValueError on a machine that is no simulator, and on CRZ gates, whose angles take four shifts.
        """
        if not self.machine.is_local:
            raise ValueError(
                f"backend: a gradient takes {4 * self.circuit.n_weights} runs per sample, which are not sent to "
                f"{self.machine.name}; train with the engine lightcone under its noise"
            )
        if self.circuit.n_couplings:
            raise ValueError(
                f"entangling_gate: got crz, expected cz or cnot where {self.name} computes gradients, since the angle "
                "of a CRZ takes four shifts; train with the engine lightcone under the noise of the machine"
            )
        slots = self._slots(inputs, weights)
        compiled = self._compiled
        asked = np.flatnonzero(np.repeat(needs, [self.circuit.n_inputs, self.circuit.n_weights])[list(compiled.places)])
        shift = np.zeros((2, len(asked), 1, compiled.n_slots))
        shift[0, range(len(asked)), 0, asked] = math.pi / 2
        shifted = (shift - shift[::-1] + slots).reshape(-1, compiled.n_slots)
        up, down = self._run(shifted, generator or self.generator).reshape(2, len(asked), len(slots), len(self._reads))
        slopes = np.zeros((len(slots), len(self._reads), compiled.n_slots))
        slopes[:, :, asked] = np.moveaxis((up - down) / 2, 0, -1)
        return torch.from_numpy(compiled.gathered(slopes)).to(inputs.device)

    def cost(self, samples: int) -> str:
        """Return in words what a call with so many samples sends: jobs, circuits, shots, and seconds of the machine."""
        return self._dispatch.cost(self._program, samples)

    def ask(self, samples: int) -> None:
        """Raise ValueError, saying what it would take, where so many samples may not be sent to the machine."""
        self._dispatch.ask(self._program, samples)

    def _slots(self, inputs: Tensor, weights: Tensor) -> Values:
        """Return the angles of all slots [batch, slots] in radians."""
        x, w = (tensor.detach().double().cpu().numpy() for tensor in (inputs, weights))
        return np.asarray(self._compiled.slots(x, w), dtype=np.float64)

    def _written(self) -> QuantumCircuit:
        from qiskit import ClassicalRegister, QuantumCircuit

        size = self.machine.backend.num_qubits if self.noise is not None and self.noise.chip is not None else None
        out = QuantumCircuit(size if size is not None else len(self.qubits))
        out.compose(self._compiled.qiskit, self.qubits, inplace=True)
        if self.primitive == SAMPLER:
            bits = ClassicalRegister(self.circuit.n_qubits, BITS)
            out.add_register(bits)
            out.measure(self.qubits[: self.circuit.n_qubits], bits)
        return out

    def _run(self, slots: Values, generator: torch.Generator) -> Values:
        """Return the expectations [rows, reads] of rows of slots."""
        seed = 1 + int(torch.randint(2**31 - 1, (), generator=generator, device=generator.device))
        rows = np.ascontiguousarray(slots[:, self._parameters])
        if not len(rows):
            return np.zeros((0, len(self._reads)))
        return self._dispatch.run(self._program, self._request(rows, seed), rows, seed)

    def _request(self, rows: Values, seed: int) -> str:
        """Return a digest of everything that decides a result."""
        own = self.noise.to_json() if self.machine.is_local and self.noise is not None else ""
        steps = [
            (step.name, step.wires, [(a.terms, a.offset) for a in step.angles]) for step in self._compiled.instructions
        ]
        program = self.machine.name, self.primitive, self._program.shots, self.observable, self.qubits, steps, own
        return digest([*program, seed, hashlib.sha256(rows.tobytes()).hexdigest()])[:TAG]

    def _observables(self, size: int) -> list[list[str]]:
        """Return the observables [reads, 1] as Pauli strings of the whole machine, its last qubit first."""
        labels = []
        for wires in self._reads:
            acts = {self.qubits[wire] for wire in wires}
            labels.append(["".join("Z" if qubit in acts else "I" for qubit in reversed(range(size)))])
        return labels

    def _read(self, result: PrimitiveResult[Any]) -> Values:
        data = result[0].data
        if self.primitive == ESTIMATOR:
            return np.asarray(data["evs"], dtype=np.float64).T
        packed = data[BITS].array
        out = np.empty((len(packed), len(self._reads)))
        for row, shots in enumerate(packed):  # row by row: the bits of all shots would fill the memory
            bits = np.unpackbits(shots[:, ::-1], axis=1, bitorder="little")
            for column, wires in enumerate(self._reads):
                out[row, column] = 1 - 2 * (bits[:, list(wires)].sum(axis=1) % 2).mean()
        return out


def _placed(machine: Machine, noise: Noise | None, circuit: DataReupload) -> tuple[Noise | None, tuple[int, ...]]:
    """Return the noise that predicts a machine, and the qubits of the wires there."""
    from qiskit_aer.backends.aerbackend import AerBackend

    if noise is not None and noise.waits and machine.is_local:
        raise ValueError(
            f"noise: got {noise} on {machine.name}, which simulates no relaxation while wires wait, expected noise "
            "without idle (the engines aer, lightcone and pennylane take it)"
        )
    if isinstance(machine.backend, AerBackend):
        model = machine.backend.options.get("noise_model")
        if noise is None and model is not None:
            noise = from_aer(model, circuit.n_qubits)
        elif noise is not None and model != noise.aer:
            raise ValueError(
                f"noise: got {noise} beside {machine.name}, expected None: that simulator has noise of its own, or none"
            )
        return noise, tuple(range(max(circuit.n_qubits, (noise and noise.n_wires) or 0)))
    if noise is None:
        noise = resolve_noise(machine.backend, circuit)
        assert noise is not None
    part = noise.chip
    if part is None or noise.parts != (part,) or part.factor != 1 or chip_name(part.name) != chip_name(machine.name):
        raise ValueError(
            f"noise: got {noise} on {machine.name}, which has the noise it has; expected None or its own, at "
            "strength 1 (the engine aer simulates any)"
        )
    return noise, part.qubits
