"""The circuit on Qiskit Aer, under a noise model: exact expectations or joint measurement shots."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from circuits.compile import Compiled, compile_circuit
from circuits.engines.aer.cones import Cone, Turn, find_aliases, find_cone, read_steps
from circuits.engines.aer.run import AerProgram, Rows, Runner, make_program
from circuits.engines.base import Engine, own_generator
from circuits.engines.outside import Evaluation, Needs
from circuits.reupload import DataReupload
from circuits.shapes import Expectations, OwnInputs, OwnWeights
from noise_models import Choices, Noise, whole

MEMORY_BUDGET = 2 * 2**30
"""Bytes that one quantum state may take: a density matrix of 13 wires."""
METHODS: Choices[int | None] = Choices("method", {"automatic": None, "density_matrix": 4, "statevector": 2})
"""Aer's methods, and the factor by which a wire multiplies the numbers of a state."""
RUN_SECONDS = 60e-6
"""Seconds that a run takes besides its instructions, measured on one core like the figures below."""
ENTRY_SECONDS = 2e-9
"""Seconds per instruction and entry of a quantum state."""
SHOT_SECONDS = 5e-6
"""Seconds per instruction and shot where Aer draws the noise anew for every shot."""


class AerEngine(Engine):
    """Evaluate `engine(inputs, weights) -> <Z>` on Qiskit Aer, with gradients by the parameter-shift rule.

    The contract is `Engine`'s, for <Z>; Aer computes on the CPU, exact values in double precision. The circuit is
    compiled once, with one parameter per angle, and a batch is one Aer job, in pieces where its states outgrow 64 MiB.

    Without `shots` the values are exact. Each <Z_i> is the outcome of the instructions in the cone of wire i, on the
    wires that they touch; `whole_register=True` simulates the circuit as it stands instead, as happens by itself where
    that is less work. With noise Aer evolves the density matrix, without it the state vector. Readout error, which acts
    on measured bits, is applied to <Z> as the map (1 - p01 - p10) <Z> + p10 - p01.

    With `shots`, the whole register is run and all wires are measured together that many times per sample, readout
    error included, by Aer itself: correlations between wires within a shot are those of the circuit. `method` says how:
    `density_matrix` draws the shots from the evolved density matrix, `statevector` draws every shot's noise anew, which
    has the same distribution and is cheaper on large registers; `automatic` chooses. Every call, its
    backward pass included, takes Aer's seeds from the generator of the call or from `generator` (see `Engine`).

    The gradient of an angle a is (<Z>(a + pi/2) - <Z>(a - pi/2)) / 2, exact under noise too, summed over the places
    where the circuit mentions the angle. Turns whose outcomes do not meet are shifted in one run, and turns outside
    every cone are left out. With shots, every shifted run draws its own. Gradients cannot be differentiated
    again.

    Raises ValueError on shots below 1, an unknown method, noise that touches no instruction, or a quantum state beyond
    `memory_budget` bytes; RuntimeError on gradients of gradients, and with Aer's words where Aer fails.
    """

    name = "aer"

    def __init__(
        self,
        circuit: DataReupload,
        *,
        noise: Noise | None = None,
        shots: int | None = None,
        generator: torch.Generator | None = None,
        method: str = "automatic",
        whole_register: bool = False,
        memory_budget: int = MEMORY_BUDGET,
    ) -> None:
        super().__init__(circuit, noise=noise, shots=shots)
        METHODS.pick(method)
        if method == "statevector" and shots is None and noise is not None:
            raise ValueError("method: got 'statevector' without shots, expected density_matrix for exact noisy values")
        self.memory_budget = whole("memory_budget", memory_budget)
        self.generator = generator if shots is None else own_generator(generator)
        compiled = compile_circuit(circuit, noise)
        steps = read_steps(compiled, noise)
        self._cones = [find_cone(steps, wire) for wire in range(circuit.n_qubits)]
        self._derivatives = _Derivatives(compiled, find_aliases(steps))
        # Aer itself applies the errors of measurements, which without them are turns at the end.
        acting = range(len(steps) - (compiled.n_turns if shots is not None else 0))
        register = make_program(steps, acting, range(circuit.n_qubits), compiled.n_wires, measured=shots is not None)
        self.method = self._choose_method(register) if method == "automatic" else method
        self.programs = [register]
        if shots is None and not whole_register:
            small = [
                make_program(steps, cone.instructions, [wire], compiled.n_wires, measured=False)
                for wire, cone in enumerate(self._cones)
            ]
            if sum(map(self._seconds, small)) < self._seconds(register):
                self.programs = small
        pairs = any(step.noise is not None and len(step.instruction.wires) == 2 for step in steps)
        model = None if noise is None else noise.model(compiled.pairs)
        self._runner = Runner(model, self.method, pairs, shots)
        largest = max(map(self._runner.state_bytes, self.programs))
        if largest > memory_budget:
            raise ValueError(
                f"circuit: {circuit} needs {largest:.1e} bytes for one {self.method.replace('_', ' ')} in Aer, "
                f"expected at most memory_budget = {memory_budget:.1e}; take fewer qubits, the engine lightcone, or "
                "shots with method='statevector'"
            )

    def details(self) -> tuple[str, ...]:
        return (self.method.replace("_", " "),)

    def __call__(
        self, inputs: OwnInputs, weights: OwnWeights, generator: torch.Generator | None = None
    ) -> Expectations:
        self.check_angles(inputs, weights)
        out: Tensor = Evaluation.apply(inputs, weights, self, generator or self.generator)
        return out

    def values(self, inputs: Tensor, weights: Tensor, generator: torch.Generator | None) -> Tensor:
        """Return <Z> [batch, n_qubits] of inputs [batch, n_inputs] and weights [n_blocks, n_qubits, 3] in radians."""
        x, w = _rows(inputs), _rows(weights)
        jobs = [(program, self._derivatives.angles(program, x, w)) for program in self.programs]
        return inputs.new_tensor(np.concatenate(self._runner.run(jobs, _seeds(generator)), axis=1))

    def jacobian(self, inputs: Tensor, weights: Tensor, needs: Needs, generator: torch.Generator | None) -> Tensor:
        """Return the derivatives of <Z> by inputs and weights, float64 [batch, n_qubits, n_inputs + 3 n n_blocks].

        Of the inputs and the weights, those not in `needs` get zeros where that saves runs.
        """
        x, w = _rows(inputs), _rows(weights)
        plans = [_Plan(program, self._derivatives.needed(program, *needs), self._cones) for program in self.programs]
        jobs = [(plan.program, plan.shifted(self._derivatives.angles(plan.program, x, w))) for plan in plans]
        slots = np.zeros((len(x), self.circuit.n_qubits, self._derivatives.compiled.n_slots))
        for plan, shifted in zip(plans, self._runner.run(jobs, _seeds(generator)), strict=True):
            if plan.turns:
                slots[:, list(plan.program.reads)] = plan.slopes(shifted) @ self._derivatives.slopes(plan.turns)
        return torch.from_numpy(self._derivatives.compiled.gathered(slots)).to(inputs.device)

    def _choose_method(self, register: AerProgram) -> str:
        if self.noise is None:
            return "statevector"
        if self.shots is None:
            return "density_matrix"
        # Seconds per instruction either way.
        together = ENTRY_SECONDS * 4 ** len(register.wires)
        apart = self.shots * (SHOT_SECONDS + ENTRY_SECONDS * 2 ** len(register.wires))
        fits = 16 * 4 ** len(register.wires) <= self.memory_budget
        return "density_matrix" if fits and together <= apart else "statevector"

    def _seconds(self, program: AerProgram) -> float:
        entries = (4 if self.method == "density_matrix" else 2) ** len(program.wires)
        return RUN_SECONDS + ENTRY_SECONDS * entries * len(program.steps)


def _seeds(generator: torch.Generator | None) -> Iterator[int]:
    while generator is not None:
        yield int(torch.randint(2**31, (), generator=generator, device=generator.device))


class _Derivatives:
    """How angles follow from slots, and which angles share a derivative."""

    def __init__(self, compiled: Compiled, aliases: dict[Turn, Turn | None]) -> None:
        self.compiled = compiled
        self._angles = {turn: compiled.instructions[turn[0]].angles[turn[1]] for turn in aliases}
        self._slopes: dict[Turn, Rows] = {}
        for turn, root in aliases.items():
            if root is not None:
                slopes = self._slopes.setdefault(root, np.zeros(compiled.n_slots))
                for slot, coefficient in self._angles[turn].terms:
                    slopes[slot] += coefficient

    def angles(self, program: AerProgram, inputs: Rows, weights: Rows) -> Rows:
        """Return the angles [batch, parameters] of a program."""
        slots = self.compiled.slots(inputs, weights)
        out = np.empty((len(inputs), len(program.turns)))
        for column, turn in enumerate(program.turns):
            angle = self._angles[turn]
            numbers, coefficients = zip(*angle.terms, strict=True)
            out[:, column] = slots[:, list(numbers)] @ np.array(coefficients) + angle.offset
        return out

    def needed(self, program: AerProgram, inputs: bool, weights: bool) -> list[Turn]:
        """Return the turns of a program to shift for the gradients of the inputs, the weights or both."""
        asked = np.repeat([inputs, weights], [self.compiled.circuit.n_inputs, self.compiled.circuit.n_weights])
        slots = asked[list(self.compiled.places)]
        return [turn for turn in program.turns if turn in self._slopes and self._slopes[turn][slots].any()]

    def slopes(self, turns: Sequence[Turn]) -> Rows:
        """Return the derivatives [turns, slots] of what each turn stands for."""
        return np.stack([self._slopes[turn] for turn in turns])


class _Plan:
    """The shifted runs of one program: turns that no read wire sees together share a run."""

    def __init__(self, program: AerProgram, turns: Sequence[Turn], cones: Sequence[Cone]) -> None:
        self.program = program
        self.turns: list[Turn] = []
        self.groups: list[int] = []
        seen: list[set[int]] = []
        masks = []
        for turn in turns:
            wires = {wire for wire in program.reads if turn in cones[wire].turns}
            if not wires:
                continue
            group = next((number for number, taken in enumerate(seen) if not taken & wires), len(seen))
            if group == len(seen):
                seen.append(set())
            seen[group] |= wires
            self.turns.append(turn)
            self.groups.append(group)
            masks.append([float(wire in wires) for wire in program.reads])
        self.masks = np.array(masks).reshape(len(self.turns), len(program.reads))
        self.shifts = np.zeros((2, len(seen), len(program.turns)))
        columns = {turn: column for column, turn in enumerate(program.turns)}
        for turn, group in zip(self.turns, self.groups, strict=True):
            self.shifts[:, group, columns[turn]] = (math.pi / 2, -math.pi / 2)

    def shifted(self, angles: Rows) -> Rows:
        """Return the rows of angles, up and down, by group and sample, of angles [batch, parameters]."""
        return (self.shifts[:, :, None] + angles).reshape(-1, angles.shape[1])

    def slopes(self, values: Rows) -> Rows:
        """Return the derivatives [batch, reads, turns] of <Z> by the turns from the shifted runs' values."""
        up, down = values.reshape(2, self.shifts.shape[1], -1, self.masks.shape[1])
        return np.einsum("tbr,tr->brt", (up - down)[self.groups] / 2, self.masks)


def _rows(tensor: Tensor) -> Rows:
    return tensor.detach().double().cpu().numpy()
