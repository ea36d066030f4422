"""Noise written in a line of text, as a command line or a configuration file holds it.

    depolarizing:0.05                               a kind and its parameter
    depolarizing:0.01,on=id                         where it acts; several instructions as on=u/cz
    thermal-relaxation:t1=1e-4,t2=8e-5,u=35e-9,cz=70e-9
    depolarizing:0.05+readout:0.02                  one after the other
    paper, paper*0.5                                the paper's noise, at half its strength
    torino, torino*0.5                              the best qubits of a calibrated chip
    noise.json, {"format": 1, ...}                  what Noise.to_json() wrote

Dashes and underscores, capital and small letters are the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from noise_models import checks, noise
from noise_models.chips import CHIPS, chip, chip_name
from noise_models.noise import Noise

ONE_PARAMETER: Mapping[str, Callable[..., Noise]] = MappingProxyType(
    {
        "bit-flip": noise.bit_flip,
        "phase-flip": noise.phase_flip,
        "depolarizing": noise.depolarizing,
        "amplitude-damping": noise.amplitude_damping,
        "phase-damping": noise.phase_damping,
        "overrotation": noise.overrotation,
        "readout": noise.readout,
    }
)
"""Kinds whose first parameter is their strength."""
PARAMETERS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "bit-flip": ("p", "on"),
        "phase-flip": ("p", "on"),
        "depolarizing": ("p", "on"),
        "amplitude-damping": ("gamma", "on"),
        "phase-damping": ("lam", "on"),
        "overrotation": ("angle", "axis", "on"),
        "readout": ("p01", "p10"),
        "thermal-relaxation": ("t1", "t2", *checks.GATES),
        "paper": ("damping",),
    }
)
"""Parameters by kind, in the order in which they may be given without their names."""
KINDS: tuple[str, ...] = tuple(PARAMETERS)
"""Names of the kinds of noise, as a specification spells them."""
WORDS = ("axis", "on")
"""Parameters that are no numbers."""


@dataclass(frozen=True)
class Term:
    """One summand of a specification: a kind or chip, its parameters as given, and the factor it is multiplied by."""

    name: str
    parameters: Mapping[str, Any]
    factor: float

    @property
    def is_bare(self) -> bool:
        """Whether the strength of a one-parameter kind is left open."""
        return self.name in ONE_PARAMETER and PARAMETERS[self.name][0] not in self.parameters

    def build(self, n_qubits: int | None, shape: str, strength: float | None = None) -> Noise:
        """Return the noise; `strength` fills in the parameter that a bare kind leaves open."""
        if self.name in CHIPS:
            if n_qubits is None:
                raise ValueError(f"n_qubits: got None, expected the number of qubits to choose on the chip {self.name}")
            return self.factor * chip(self.name, n_qubits, shape)  # type: ignore[arg-type]
        given = dict(self.parameters)
        if self.is_bare:
            first = PARAMETERS[self.name][0]
            if strength is None:
                raise ValueError(f"{self.name}: got no {first}, expected its strength, such as {self.name}:0.05")
            given[first] = strength
        if self.name == "thermal-relaxation":
            missing = [name for name in ("t1", "t2") if name not in given]
            if missing:
                raise ValueError(f"{self.name}: got no {missing[0]}, expected t1 and t2 in seconds")
            t1, t2 = given.pop("t1"), given.pop("t2")
            return self.factor * noise.thermal_relaxation(t1, t2, given)
        function = noise.paper if self.name == "paper" else ONE_PARAMETER[self.name]
        return self.factor * function(**given)


def parse_noise(text: str, n_qubits: int | None = None, shape: str = "ring") -> Noise:
    """Return the noise that a specification names; a chip needs the circuit's `n_qubits` and `shape`, ring or line.

    Raises ValueError where the text cannot be read, names an unknown kind or chip, or states what is not physical.
    """
    stored = _stored(text)
    if stored is not None:
        return stored
    return _total(term.build(n_qubits, shape) for term in _terms(text))


def at_strength(text: str, strength: float, n_qubits: int | None = None, shape: str = "ring") -> Noise:
    """Return noise of a given strength, for sweeps.

    A bare kind takes the strength as its parameter: `depolarizing` at 0.05 is `depolarizing:0.05`. What has its
    parameters (`readout:0.02`, `paper`, a chip, JSON) is multiplied by it.

    Raises ValueError as `parse_noise` does, on a negative strength, and where bare kinds are mixed with others.
    """
    strength = checks.strength("strength", strength)
    stored = _stored(text)
    if stored is not None:
        return strength * stored
    terms = _terms(text)
    bare = [term.is_bare for term in terms]
    if all(bare):
        return _total(term.build(n_qubits, shape, strength) for term in terms)
    if any(bare):
        raise ValueError(
            f"noise: got {text!r}, where a strength could be a parameter or a factor, expected parameters for all "
            f"kinds or for none; {terms[bare.index(True)].name} has none"
        )
    return strength * _total(term.build(n_qubits, shape) for term in terms)


def _stored(text: str) -> Noise | None:
    """Return noise given as JSON or by the name of a JSON file."""
    if not isinstance(text, str):
        raise ValueError(f"noise: got {type(text).__name__}, expected a specification such as depolarizing:0.05")
    text = text.strip()
    if text.startswith("{"):
        return Noise.from_json(text)
    if not text.lower().endswith(".json"):
        return None
    try:
        content = Path(text).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"noise: got {text!r}, expected a JSON file that can be read ({error})") from None
    return Noise.from_json(content)


def _total(noises: Any) -> Noise:
    return sum(noises, Noise())


def _terms(text: str) -> list[Term]:
    # A plus inside a number, as in 1e+4, is no sum.
    return [_term(piece.strip(), text) for piece in re.split(r"(?<![0-9.][eE])\+", text)]


def _term(piece: str, text: str) -> Term:
    body, star, factor_text = piece.partition("*")
    factor = checks.strength("factor", _number("factor", factor_text)) if star else 1.0
    head, colon, rest = body.partition(":")
    name = head.strip().lower().replace("_", "-")
    if not name:
        raise ValueError(f"noise: got {text!r}, expected kinds such as depolarizing:0.05, joined by +")
    if name not in KINDS:
        name = chip_name(head)
        if name not in CHIPS:
            raise ValueError(
                f"noise: got {head.strip()!r}, expected a kind ({', '.join(KINDS)}) or a chip ({', '.join(CHIPS)})"
            )
        if colon:
            raise ValueError(f"noise: got {piece!r}, expected no parameters after the chip {name}")
    items = [item.strip() for item in rest.split(",")] if colon else []
    parameters: dict[str, Any] = {}
    for position, item in enumerate(items):
        parameter, value = _parameter(name, item, position)
        if parameter in parameters:
            raise ValueError(f"{name}: got {parameter} twice, expected it once")
        parameters[parameter] = value
    return Term(name, MappingProxyType(parameters), factor)


def _parameter(name: str, item: str, position: int) -> tuple[str, Any]:
    known = PARAMETERS[name]
    parameter, equals, value = (part.strip() for part in item.partition("="))
    if not equals:
        # Gate times need their names: nothing says which gate a number is for.
        nameless = [one for one in known if one not in checks.GATES and one != "on"]
        if position >= len(nameless):
            raise ValueError(f"{name}: got {item!r}, expected parameters among {', '.join(f'{k}=...' for k in known)}")
        parameter, value = nameless[position], item
    if parameter not in known:
        raise ValueError(f"{name}: got the parameter {parameter!r}, expected one of {', '.join(known)}")
    if parameter == "on":
        return parameter, tuple(one.strip() for one in value.split("/") if one.strip())
    return parameter, value if parameter in WORDS else _number(parameter, value)


def _number(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{name}: got {text.strip()!r}, expected a number") from None
