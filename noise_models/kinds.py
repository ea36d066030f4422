"""The kinds of noise: one class per kind, which says everything about it, and the table of all of them.

A new kind is a class and its line in `TABLE`: JSON, text, notebooks and the axes of figures follow from these. A
constructor for Python, such as `noise_models.depolarizing`, is a function in `noise.py` and a name in its `__all__`.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields, replace
from typing import Any, ClassVar, Self

import numpy as np

from noise_models import checks
from noise_models.calibration import ChipNoise
from noise_models.channels import Transfer, damping_transfer
from noise_models.choices import Choices, unknown
from noise_models.from_aer import Imported
from noise_models.gates import ENTANGLERS, GATES
from noise_models.part import Channels, Part, Readouts
from noise_models.records import brief

AXES: tuple[str, ...] = ("x", "y", "z")


def read_number(name: str, text: str) -> float:
    """Return the number that a text stands for, or raise ValueError naming what it is for."""
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{name}: got {brief(text.strip())}, expected a number") from None


def _read_names(name: str, text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split("/") if word.strip())


def _angle(name: str, value: object) -> float:
    return checks.number(name, value, "an angle in radians")


def _axis(name: str, value: object) -> str:
    if value not in AXES:
        raise ValueError(unknown(name, value, AXES))
    return str(value)


@dataclass(frozen=True)
class Parameter:
    """What one parameter of a kind may be, and how it is written in text.

    `check` returns the value in its one form or raises ValueError; `read` returns the value that a text stands for.
    A parameter that `scales` is multiplied by the factor on the noise. Text may leave out the name of one that is
    `positional`, and all of one that is not `required`.
    """

    check: Callable[[str, object], object]
    read: Callable[[str, str], object] = read_number
    scales: bool = False
    positional: bool = True
    required: bool = True


def parameter(described: Parameter, default: object = MISSING) -> Any:
    """Return a dataclass field for a parameter of a kind."""
    return field(default=default, metadata={"parameter": described})


def rate(required: bool = True) -> Any:
    """Return the field of a probability in [0, 1] that scales with the noise."""
    return parameter(Parameter(checks.probability, scales=True, required=required))


def places() -> Any:
    """Return the field of the instructions after which a channel acts, spelled on=u/cz in text."""
    described = Parameter(checks.instructions, _read_names, positional=False, required=False)
    return parameter(described, checks.DEFAULT_ON)


@dataclass(frozen=True, repr=False)
class Kind(Part):
    """A kind that text can name; its fields are its parameters, in the order in which text gives them."""

    label: ClassVar[str | None]
    """Label of the axis over which its first parameter, its strength, is swept; None if it is only scaled."""

    def __post_init__(self) -> None:
        for name, described in self._own_parameters().items():
            object.__setattr__(self, name, described.check(name, vars(self)[name]))

    def __repr__(self) -> str:
        arguments: list[str] = []
        stored = self.to_json()
        for position, one in enumerate(fields(self)):
            value = stored[one.name]
            if value != one.default:
                named = one.name == "on" or len(arguments) < position
                arguments.append(f"{one.name}={value!r}" if named else repr(value))
        return f"{self.kind}({', '.join(arguments)})"

    @classmethod
    def _own_parameters(cls) -> dict[str, Parameter]:
        return {one.name: one.metadata["parameter"] for one in fields(cls)}

    @classmethod
    def parameters(cls) -> dict[str, Parameter]:
        """Return the parameters that text may give, by name."""
        return cls._own_parameters()

    @classmethod
    def strength(cls) -> str | None:
        """Return the name of the parameter that a sweep varies; None if there is none."""
        return None if cls.label is None else next(iter(cls.parameters()))

    @classmethod
    def from_text(cls, values: Mapping[str, object]) -> Self:
        """Return the part with these values of `parameters()`, of which the required ones are there."""
        return cls(**values)

    def scaled(self, factor: float) -> Self:
        scaling = [name for name, described in self._own_parameters().items() if described.scales]
        return replace(self, **{name: factor * vars(self)[name] for name in scaling})

    def summary(self) -> dict[str, str]:
        return {name: _words(value) for name, value in self.to_json().items() if name != "kind"}


class OneQubit(Kind):
    """A one-qubit channel after instructions; after a two-qubit one, the same channel on both wires."""

    on: tuple[str, ...]

    @property
    def instructions(self) -> tuple[str, ...]:
        return self.on

    @abstractmethod
    def transfer(self, instruction: str) -> Transfer:
        """Return the transfer matrix [4, 4] that follows an instruction on each of its wires."""

    def channels(self) -> Channels:
        channels: Channels = {}
        for name in self.instructions:
            transfer = self.transfer(name)
            channels[name, None] = np.kron(transfer, transfer) if name in ENTANGLERS else transfer
        return channels


@dataclass(frozen=True, repr=False)
class BitFlip(OneQubit):
    """E(rho) = (1 - p) rho + p X rho X."""

    kind = "bit_flip"
    label = "probability of a flip $p$"
    p: float = rate()
    on: tuple[str, ...] = places()

    def transfer(self, instruction: str) -> Transfer:
        return np.diag([1, 1, 1 - 2 * self.p, 1 - 2 * self.p])


@dataclass(frozen=True, repr=False)
class PhaseFlip(OneQubit):
    """E(rho) = (1 - p) rho + p Z rho Z."""

    kind = "phase_flip"
    label = "probability of a flip $p$"
    p: float = rate()
    on: tuple[str, ...] = places()

    def transfer(self, instruction: str) -> Transfer:
        return np.diag([1, 1 - 2 * self.p, 1 - 2 * self.p, 1])


@dataclass(frozen=True, repr=False)
class Depolarizing(OneQubit):
    """E(rho) = (1 - p) rho + p I / 2."""

    kind = "depolarizing"
    label = "depolarizing probability $p$"
    p: float = parameter(Parameter(checks.depolarizing, scales=True))
    on: tuple[str, ...] = places()

    def transfer(self, instruction: str) -> Transfer:
        return np.diag([1, 1 - self.p, 1 - self.p, 1 - self.p])


@dataclass(frozen=True, repr=False)
class AmplitudeDamping(OneQubit):
    """Decay of |1> to |0> with probability gamma."""

    kind = "amplitude_damping"
    label = "probability of decay $\\gamma$"
    gamma: float = rate()
    on: tuple[str, ...] = places()

    def transfer(self, instruction: str) -> Transfer:
        return damping_transfer(math.sqrt(1 - self.gamma), 1 - self.gamma)


@dataclass(frozen=True, repr=False)
class PhaseDamping(OneQubit):
    """Loss of coherence with probability lam: off-diagonal elements shrink by sqrt(1 - lam)."""

    kind = "phase_damping"
    label = "damping $\\lambda$"
    lam: float = rate()
    on: tuple[str, ...] = places()

    def transfer(self, instruction: str) -> Transfer:
        return damping_transfer(math.sqrt(1 - self.lam), 1)


@dataclass(frozen=True, repr=False)
class Overrotation(OneQubit):
    """A coherent error: a rotation by `angle` radians about the x, y or z axis."""

    kind = "overrotation"
    label = "angle (rad)"
    angle: float = parameter(Parameter(_angle, scales=True))
    axis: str = parameter(Parameter(_axis, lambda name, text: text, required=False), "x")
    on: tuple[str, ...] = places()

    def transfer(self, instruction: str) -> Transfer:
        transfer = np.eye(4)
        # The plane that turns: y to z about x, z to x about y, x to y about z.
        first = 1 + (AXES.index(self.axis) + 1) % 3
        second = 1 + (AXES.index(self.axis) + 2) % 3
        cos, sin = math.cos(self.angle), math.sin(self.angle)
        transfer[first, first] = transfer[second, second] = cos
        transfer[second, first], transfer[first, second] = sin, -sin
        return transfer


@dataclass(frozen=True, repr=False)
class Readout(Kind):
    """A classical error of the measured bit: p01 = P(read 1 | true 0), p10 = P(read 0 | true 1)."""

    kind = "readout"
    label = "probability of a wrong bit $p_{01}$"
    p01: float = rate()
    p10: float = rate(required=False)

    def __repr__(self) -> str:
        return f"readout({self.p01!r})" if self.p01 == self.p10 else super().__repr__()

    @classmethod
    def from_text(cls, values: Mapping[str, object]) -> Self:
        return super().from_text({"p10": values["p01"], **values})

    @property
    def instructions(self) -> tuple[str, ...]:
        return ()

    def channels(self) -> Channels:
        return {}

    def readouts(self) -> Readouts:
        return {None: np.array([[1 - self.p01, self.p01], [self.p10, 1 - self.p10]])}


@dataclass(frozen=True, repr=False)
class ThermalRelaxation(OneQubit):
    """Relaxation toward |0> with the times t1 and t2 <= 2 t1 during each instruction, all in seconds."""

    kind = "thermal_relaxation"
    label = None
    t1: float = parameter(Parameter(checks.relaxation))
    t2: float = parameter(Parameter(checks.relaxation))
    gate_times: tuple[tuple[str, float], ...] = parameter(Parameter(checks.durations))

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.t2 > 2 * self.t1:
            raise ValueError(f"t2: got {self.t2!r} s, expected at most 2 t1 = {2 * self.t1!r} s")

    @classmethod
    def parameters(cls) -> dict[str, Parameter]:
        times = {gate: Parameter(checks.seconds, positional=False, required=False) for gate in GATES}
        return {"t1": Parameter(checks.relaxation), "t2": Parameter(checks.relaxation), **times}

    @classmethod
    def from_text(cls, values: Mapping[str, object]) -> Self:
        times = {name: value for name, value in values.items() if name in GATES}
        return super().from_text({"t1": values["t1"], "t2": values["t2"], "gate_times": times})

    @property
    def instructions(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self.gate_times)

    def transfer(self, instruction: str) -> Transfer:
        time = dict(self.gate_times)[instruction]
        return damping_transfer(math.exp(-time / self.t2), math.exp(-time / self.t1))

    def scaled(self, factor: float) -> Self:
        """Return this noise with gates `factor` times as long."""
        return replace(self, gate_times=tuple((name, factor * time) for name, time in self.gate_times))

    def to_json(self) -> dict[str, object]:
        return {**super().to_json(), "gate_times": dict(self.gate_times)}


def _words(value: object) -> str:
    """Return a parameter as a notebook shows it."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name} = {_words(item)}" for name, item in value.items())
    if isinstance(value, tuple):
        return ", ".join(map(_words, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


TABLE: Choices[type[Part]] = Choices(
    "kind",
    {
        part.kind: part
        for part in (
            *(BitFlip, PhaseFlip, Depolarizing, AmplitudeDamping, PhaseDamping),
            *(Overrotation, Readout, ThermalRelaxation),
            *(ChipNoise, Imported),
        )
    },
)
"""Every kind that can be stored, by its name in JSON."""


def spelled() -> dict[str, type[Kind]]:
    """Return the kinds that text can name, by their spelling there."""
    return {name.replace("_", "-"): kind for name, kind in TABLE.items() if issubclass(kind, Kind)}
