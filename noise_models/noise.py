"""Noise: named, added up, scaled, stored, and handed to any engine as its Aer model."""

from __future__ import annotations

import html
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from typing import TYPE_CHECKING

from noise_models import checks, kinds
from noise_models.calibration import ChipNoise
from noise_models.channels import Axis, Transfer, reading_axis
from noise_models.from_aer import Imported, read_model
from noise_models.gates import ENTANGLERS, complete_basis
from noise_models.part import Part
from noise_models.records import brief, digest, read_json, reason
from noise_models.stored import finite, read_part

if TYPE_CHECKING:
    from qiskit_aer.noise import NoiseModel

__all__ = [
    "Noise",
    "amplitude_damping",
    "bit_flip",
    "depolarizing",
    "from_aer",
    "overrotation",
    "paper",
    "phase_damping",
    "phase_flip",
    "readout",
    "thermal_relaxation",
    "two_qubit_depolarizing",
]

Wires = int | Iterable[int] | None
"""One wire, several, or None for all."""

FORMAT = 1
"""Version of the JSON written here."""
DIGEST = "sha256"
"""Its member that holds the digest of the noise."""
BLOCK_END, MEASURE = "id", checks.MEASURE
"""The instruction that ends a block on a wire, which belongs to every basis, and the one that reads it."""


@dataclass(frozen=True)
class Noise:
    """Noise of a circuit: parts that act one after the other, the first one first.

    In `a + b`, b acts after a; `factor * a` multiplies every probability, angle, gate time and readout probability by
    a number of at least 0, and `a / divisor` divides. Two noises are equal if their parts are. `Noise()` is no noise,
    and `sum` adds up a list of noises.

    Raises ValueError if no circuit holds the instructions of all parts: circuits on a chip are made of its own gates,
    so a part added to a chip names those (`depolarizing(0.01, on=("sx", "cz")) + chip("torino", 5)`), or `id`.
    """

    parts: tuple[Part, ...] = ()

    def __post_init__(self) -> None:
        if sum(isinstance(part, ChipNoise) for part in self.parts) > 1:
            raise ValueError("noise: got two chips, expected at most one: a circuit runs on one chip")
        if len({part.schedule for part in self.parts} - {None}) > 1:
            raise ValueError("idle: got parts with different gate times, expected the same: a circuit has one schedule")
        fixed = [part for part in self.parts if part.basis is not None]
        if not fixed:
            names = [name for part in self.parts for name in part.instructions]
            checks.together("on", tuple(dict.fromkeys(names)))
            return
        valid = dict.fromkeys((*self.basis, BLOCK_END))
        others = [part for part in self.parts if part is not self.chip and (self.chip or part.basis is None)]
        missing = dict.fromkeys(name for part in others for name in part.instructions if name not in valid)
        if missing:
            raise ValueError(
                f"on: got {', '.join(missing)}, which the circuits of {fixed[0]} never hold, "
                f"expected names among {', '.join(valid)}"
            )

    @cached_property
    def aer(self) -> NoiseModel:
        """The Qiskit Aer model: one error per instruction, parts composed in time; ideal errors are left out.

        Errors on `measure` come before the reading, as in Aer. ValueError where noise acts on particular wires of
        two-qubit instructions, which Aer states per pair: see `model`.
        """
        halves = sorted({name for name, wires in self._places if name in ENTANGLERS and wires and len(wires) == 1})
        if halves:
            raise ValueError(
                f"aer: got {self}, which acts on single wires of {', '.join(halves)}, expected the pairs of wires that "
                "a circuit joins: noise.model([(0, 1), (1, 2)])"
            )
        return self.model()

    def model(self, pairs: Iterable[tuple[int, ...]] = ()) -> NoiseModel:
        """Return the Qiskit Aer model for a circuit whose two-qubit instructions act on these `pairs` of wires."""
        from noise_models.to_aer import aer_model

        known = tuple(sorted(set(pairs)))
        if known not in self._models:
            self._models[known] = aer_model(self.parts, self.basis, known)
        return self._models[known]

    @cached_property
    def _models(self) -> dict[tuple[tuple[int, ...], ...], NoiseModel]:
        return {}

    @property
    def waits(self) -> bool:
        """Whether wires that wait for others suffer noise."""
        return any(part.schedule is not None for part in self.parts)

    def duration(self, name: str, wires: tuple[int, ...]) -> float:
        """Return how long an instruction takes in seconds where `waits`; 0 where no time is given."""
        return max(part.duration(name, wires) for part in self.parts)

    def waiting(self, wire: int, seconds: float) -> Transfer | None:
        """Return the Pauli transfer matrix [4, 4] of a wire that waits for so long; None for no noise."""
        channels = [channel for part in self.parts if (channel := part.waiting(wire, seconds)) is not None]
        return reduce(lambda total, channel: channel @ total, channels) if channels else None

    def check_register(self, n_qubits: int, n_wires: int) -> None:
        """Raise ValueError where the noise names wires beyond a circuit's, of which `n_wires` includes spare ones."""
        for part in self.parts:
            part.check_register(n_qubits, n_wires)

    def states_wires(self, name: str) -> bool:
        """Whether library noise on this instruction, or on `measure`, is meant for particular wires."""
        return any(part.states_wires(name) for part in self.parts)

    @property
    def instructions(self) -> frozenset[str]:
        """Names of the gate instructions on which noise is declared, at strength 0 too."""
        return frozenset(name for part in self.parts for name in part.instructions)

    @property
    def imported_instructions(self) -> frozenset[str]:
        """Names of the gate instructions on which ready-made Aer models among the parts have errors."""
        return frozenset(name for part in self._imported for name in part.instructions)

    @cached_property
    def _places(self) -> frozenset[tuple[str, tuple[int, ...] | None]]:
        """Where errors are declared: instructions and wires, None for all wires; readout errors are on `measure`."""
        gates = {place for part in self.parts for place in part.channels()}
        bits = {(MEASURE, None if wire is None else (wire,)) for part in self.parts for wire in part.readouts()}
        return frozenset(gates | bits)

    def acts_on(self, name: str, wires: tuple[int, ...]) -> bool:
        """Whether an error is declared on this instruction on these wires, at strength 0 too."""
        one_by_one = ((name, (wire,)) for wire in wires)
        return not self._places.isdisjoint([(name, wires), (name, None), *one_by_one])

    def misreads(self, wire: int) -> bool:
        """Whether an error of the measurement is declared on this wire, at strength 0 too."""
        return self.acts_on(MEASURE, (wire,))

    @property
    def has_readout(self) -> bool:
        """Whether an error of the measurement is declared, at strength 0 too."""
        return any(name == MEASURE for name, _ in self._places)

    @property
    def is_ideal_model(self) -> bool:
        """Whether this is nothing but ready-made Aer models, all without errors."""
        return bool(self.parts) and all(isinstance(part, Imported) and part.is_ideal for part in self.parts)

    @cached_property
    def _gates(self) -> frozenset[tuple[str, tuple[int, ...]]] | None:
        return None if self.chip is None else self.chip.places

    def has_gate(self, name: str, wires: tuple[int, ...]) -> bool:
        """Whether a chip has this gate on these wires, in this order; without a chip, whether an error is declared."""
        return self.acts_on(name, wires) if self._gates is None else (name, wires) in self._gates

    def reading_axis(self, wire: int) -> Axis | None:
        """Return the unit vector (x, y, z) that errors on `measure` read instead of z; None where they read z."""
        quantum = any((MEASURE, wires) in part.channels() for part in self._imported for wires in (None, (wire,)))
        return reading_axis(self.model(), wire) if quantum else None

    @property
    def basis(self) -> tuple[str, ...]:
        """Instruction names that a circuit must be written in for this noise to act on it.

        Library noise: u, cz, id, or the chip gates that its `on` names. A chip: its own gates, and id if a part is
        declared on it. An Aer model: its noisy gates, completed by noiseless ones if they do not make every circuit.
        """
        chip = self.chip
        if chip is not None:
            block_end = BLOCK_END in self.instructions and BLOCK_END not in chip.basis
            return (*chip.basis, BLOCK_END) if block_end else chip.basis
        fixed = [name for part in self.parts if part.basis is not None for name in part.instructions]
        return complete_basis(fixed or self.instructions)

    @property
    def n_wires(self) -> int | None:
        """Wires of a chip, spare ones included; None if a register of any size will do."""
        return None if self.chip is None else self.chip.n_wires

    @property
    def couplings(self) -> frozenset[tuple[int, int]] | None:
        """Pairs of wires (a < b) that a chip joins with a two-qubit gate; None if every pair is joined."""
        return None if self.chip is None else self.chip.couplings

    @property
    def routed(self) -> bool:
        """Whether gates between uncoupled wires of a chip pass over wires that are in use."""
        return self.chip is not None and self.chip.routed

    @property
    def _imported(self) -> list[Imported]:
        return [part for part in self.parts if isinstance(part, Imported)]

    @property
    def chip(self) -> ChipNoise | None:
        """The part that is a calibrated chip, None where there is none."""
        return next((part for part in self.parts if isinstance(part, ChipNoise)), None)

    def __add__(self, other: Noise) -> Noise:
        if not isinstance(other, Noise):
            return NotImplemented
        return Noise(self.parts + other.parts)

    def __radd__(self, other: object) -> Noise:
        # What `sum` begins with.
        return self if isinstance(other, int) and other == 0 else NotImplemented

    def __truediv__(self, divisor: float) -> Noise:
        if checks.strength("divisor", divisor) == 0:
            raise ValueError("divisor: got 0, expected a number above 0")
        return Noise(tuple(part.scaled(1 / divisor) for part in self.parts))

    def __mul__(self, factor: float) -> Noise:
        factor = checks.strength("factor", factor)
        return Noise(tuple(part.scaled(factor) for part in self.parts))

    __rmul__ = __mul__
    # A NumPy number to the left is a factor as well, not the start of an array.
    __array_ufunc__ = None

    def __repr__(self) -> str:
        return " + ".join(map(repr, self.parts)) or "Noise()"

    def _repr_html_(self) -> str:
        rows = [("noise", "none")] if not self.parts else []
        for part in self.parts:
            rows += [("kind", part.kind), *part.summary().items()]
        cells = (f"<tr><th>{html.escape(name)}</th><td>{html.escape(value)}</td></tr>" for name, value in rows)
        return f"<table>{''.join(cells)}</table>"

    def __getstate__(self) -> dict[str, object]:
        # The description travels to a worker, which builds its own Aer model.
        return {"parts": self.parts}

    def to_json(self) -> str:
        """Return the noise as JSON text that `Noise.from_json` reads back exactly, to the last bit of every number."""
        noise = json.loads(json.dumps([finite(part.to_json()) for part in self.parts], allow_nan=False))
        return json.dumps({"format": FORMAT, DIGEST: digest(noise), "noise": noise})

    @staticmethod
    def from_json(text: str) -> Noise:
        """Return the noise that `to_json` wrote, here or in an earlier version, which wrote no digest.

        Nothing in the text is executed. Raises ValueError if it is not such a text, was changed since, names an unknown
        kind or states values that are not physical.
        """
        try:
            data = read_json(text)
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"text: got {brief(text)}, expected JSON written by Noise.to_json() ({reason(error)})"
            ) from None
        if not isinstance(data, dict) or data.get("format") != FORMAT or not isinstance(data.get("noise"), list):
            raise ValueError(f'text: got {brief(text)}, expected {{"format": {FORMAT}, "noise": [...]}}')
        if data.get(DIGEST, stated := digest(data["noise"])) != stated:
            raise ValueError(
                f"text: its {DIGEST} is that of other noise: it was changed after Noise.to_json() wrote it; "
                f"restore it, or leave {DIGEST} out where the change is meant"
            )
        return Noise(tuple(read_part(fields) for fields in data["noise"]))


def bit_flip(p: float, on: str | Sequence[str] = checks.DEFAULT_ON, wires: Wires = None) -> Noise:
    """Return bit flips E(rho) = (1 - p) rho + p X rho X, p in [0, 1].

    `on` names where the channel acts: "u" after every one-qubit rotation, "cz" on both wires after every CZ, "id" on
    every wire at the end of every block. `wires` limits it to a wire or a list of them: to their rotations and block
    ends, and to themselves alone after a CZ. Raises ValueError on other names, on what are no wires, and if p is no
    probability; a circuit without one of the wires raises it too.
    """
    return Noise((kinds.BitFlip(p, checks.instructions("on", on), checks.wires("wires", wires)),))


def phase_flip(p: float, on: str | Sequence[str] = checks.DEFAULT_ON, wires: Wires = None) -> Noise:
    """Return phase flips E(rho) = (1 - p) rho + p Z rho Z, p in [0, 1]; places and errors as in `bit_flip`."""
    return Noise((kinds.PhaseFlip(p, checks.instructions("on", on), checks.wires("wires", wires)),))


def depolarizing(p: float, on: str | Sequence[str] = checks.DEFAULT_ON, wires: Wires = None) -> Noise:
    """Return depolarizing noise E(rho) = (1 - p) rho + p I / 2, p in [0, 4/3]; places and errors as in `bit_flip`.

    This is Aer's p; PennyLane's channel at q has p = 4 q / 3. At p = 1 nothing is left of rho, at 4/3 it suffers X, Y
    or Z for sure. A two-qubit instruction takes this one-qubit channel on both wires.
    """
    return Noise((kinds.Depolarizing(p, checks.instructions("on", on), checks.wires("wires", wires)),))


def amplitude_damping(gamma: float, on: str | Sequence[str] = checks.DEFAULT_ON, wires: Wires = None) -> Noise:
    """Return decay from |1> to |0> with probability gamma in [0, 1]; places and errors as in `bit_flip`.

    Kraus operators diag(1, sqrt(1 - gamma)) and sqrt(gamma) |0><1|.
    """
    return Noise((kinds.AmplitudeDamping(gamma, checks.instructions("on", on), checks.wires("wires", wires)),))


def phase_damping(lam: float, on: str | Sequence[str] = checks.DEFAULT_ON, wires: Wires = None) -> Noise:
    """Return loss of coherence by the factor sqrt(1 - lam), lam in [0, 1]; places and errors as in `bit_flip`."""
    return Noise((kinds.PhaseDamping(lam, checks.instructions("on", on), checks.wires("wires", wires)),))


def thermal_relaxation(
    t1: float, t2: float, gate_times: Mapping[str, float], wires: Wires = None, *, idle: bool = False
) -> Noise:
    """Return relaxation toward |0> during gates: populations decay by exp(-t / t1), coherences by exp(-t / t2).

    Times in seconds, t1 and t2 infinite too; `gate_times` gives t by instruction, such as {"u": 35e-9, "cz": 70e-9},
    and so says where it acts; "measure" is the time before a wire is read. With `idle`, wires relax while they wait,
    too: every instruction begins as soon as its wires are free, one without a time takes none, and all wires are read
    together after the last one. Raises ValueError if t2 > 2 t1, a time is negative or an instruction is unknown.
    """
    times = checks.durations("gate_times", gate_times)
    return Noise((kinds.ThermalRelaxation(t1, t2, times, checks.wires("wires", wires), idle),))


def two_qubit_depolarizing(
    p: float, on: str | Sequence[str] = ("cz",), wires: Iterable[tuple[int, int]] | None = None
) -> Noise:
    """Return E(rho) = (1 - p) rho + p I / 4 on both wires of two-qubit instructions together, p in [0, 16/15].

    This is Aer's `depolarizing_error(p, 2)`; `depolarizing` acts on each wire by itself. `on` names two-qubit
    instructions, `wires` pairs of wires, in either order, to which it is limited. Raises ValueError on others.
    """
    return Noise((kinds.TwoQubitDepolarizing(p, checks.instructions("on", on), checks.pairs("wires", wires)),))


def readout(
    p01: float | Sequence[float] | Sequence[Sequence[float]],
    p10: float | Sequence[float] | None = None,
    wires: Wires = None,
) -> Noise:
    """Return a readout error on every wire: p01 = P(read 1 | true 0), p10 = P(read 0 | true 1), p01 too by default.

    Both can be lists of one value per wire, of the whole circuit or of `wires`. Or the matrix
    [[P(0|0), P(1|0)], [P(0|1), P(1|1)]] alone, or a list of such. <Z> becomes (1 - p01 - p10) <Z> + p10 - p01. Raises
    ValueError if a value is no probability or a row of a matrix does not add up to 1.
    """
    first, second = checks.readout_rates(p01, p10)
    return Noise((kinds.Readout(first, second, checks.wires("wires", wires)),))


def overrotation(
    angle: float, axis: str = "x", on: str | Sequence[str] = checks.DEFAULT_ON, wires: Wires = None
) -> Noise:
    """Return a coherent error: a rotation by `angle` radians about the axis x, y or z; places as in `bit_flip`.

    Raises ValueError on an angle that is no number, another axis or unknown instructions.
    """
    return Noise((kinds.Overrotation(angle, axis, checks.instructions("on", on), checks.wires("wires", wires)),))


def paper(damping: float = 0.0) -> Noise:
    """Return SQDR-CNN's noise, per wire and block: 2 % bit flips, 3 % depolarizing, then amplitude damping if asked.

    The 3 % are in Aer's convention (`depolarizing`); PennyLane's channel of that name at 0.03 is 0.04 here. The rate of
    the damping is a number: the authors' code draws it from an input feature, which leaks data into the noise. Raises
    ValueError if `damping` is no probability.

    Source: SQDR-CNN (arXiv 2512.03895).
    """
    damping = checks.probability("damping", damping)
    noise = bit_flip(0.02, on=(BLOCK_END,)) + depolarizing(0.03, on=(BLOCK_END,))
    return noise + amplitude_damping(damping, on=(BLOCK_END,)) if damping != 0 else noise


def from_aer(model: NoiseModel, n_qubits: int | None = None) -> Noise:
    """Return the noise of any Aer model of errors on gates, on `measure` and of single read bits.

    It is kept as channels; a factor multiplies the probability of each error, E -> (1 - factor) id + factor E. Wire i
    of a circuit is qubit i of the model, and a pair of qubits without an error has noiseless gates, as in Aer: `chip`
    places a circuit on a device instead. An error on `measure` acts before the reading; a model without errors is that
    of an ideal machine. Left out is what the circuits do not have: relaxation during delays, errors on `reset` or of
    three and more qubits, and a device's errors of idle gates (errors on `id` of particular qubits, beside errors of
    other gates); other errors on `id` act at the end of every block. `n_qubits` leaves out the qubits from there on,
    which of a whole device takes most of the time.

    Raises ValueError on joint readout errors and custom passes.
    """
    return Noise((read_model(model, None if n_qubits is None else checks.whole("n_qubits", n_qubits)),))
