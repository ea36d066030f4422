"""Noise written in a line of text, as a command line or a configuration file holds it.

    depolarizing:0.05                               a kind and its parameter
    depolarizing:0.01,on=id                         where it acts; several instructions as on=u/cz
    thermal-relaxation:t1=1e-4,t2=8e-5,u=35e-9,cz=70e-9
    depolarizing:0.05+readout:0.02                  one after the other
    paper, paper*0.5                                the paper's noise, at half its strength
    torino, torino*0.5                              the best qubits of a calibrated chip
    account:ibm_torino                              a machine of one's own account, as it is calibrated now
    noise.json, {"format": 1, ...}                  what Noise.to_json() wrote

Dashes and underscores, capital and small letters are the same. The names and parameters are those of `kinds.TABLE`.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from noise_models import checks
from noise_models.chips import ACCOUNT, CHIPS, chip, chip_name
from noise_models.choices import did_you_mean
from noise_models.kinds import Kind, Parameter, read_number, spelled
from noise_models.noise import DIGEST, Noise, paper
from noise_models.records import RecordWarning, brief, read_text, reason

RECIPES: Mapping[str, tuple[Callable[..., Noise], Mapping[str, Parameter]]] = MappingProxyType(
    {"paper": (paper, {"damping": Parameter(checks.probability, required=False)})}
)
"""Named sums of several kinds: how they are built, and their parameters."""
KINDS: tuple[str, ...] = (*spelled(), *RECIPES)
"""Names of the kinds of noise, as text spells them."""
FACTOR = "factor on rates and times"
"""Label of the strength of noise that is multiplied by it."""
SEVERAL = "parameter of every part"
"""Label of a strength that is the parameter of several kinds at once."""


@dataclass(frozen=True)
class Term:
    """One summand of a text: the name of a kind, recipe or chip, its parameters, and the factor it is multiplied by."""

    name: str
    parameters: Mapping[str, object]
    factor: float

    @property
    def kind(self) -> type[Kind] | None:
        """Its kind; None for a recipe or a chip."""
        return spelled().get(self.name)

    @property
    def is_swept(self) -> bool:
        """Whether the text leaves the strength open, which a sweep then fills in."""
        return self.kind is not None and self.kind.strength() not in (None, *self.parameters)

    def build(self, n_qubits: int | None, shape: str, strength: float | None = None) -> Noise:
        """Return the noise; `strength` is the parameter that a swept kind leaves open."""
        if self.kind is not None:
            noise = Noise((self.kind.from_text(self._values(self.kind, strength)),))
        elif self.name in RECIPES:
            noise = RECIPES[self.name][0](**self.parameters)
        elif n_qubits is None:
            raise ValueError(f"n_qubits: got None, expected the number of qubits to choose on the chip {self.name}")
        else:
            noise = chip(self.name, n_qubits, shape)
        return self.factor * noise

    def _values(self, kind: type[Kind], strength: float | None) -> dict[str, object]:
        swept = {} if strength is None or not self.is_swept else {str(kind.strength()): strength}
        values = {**self.parameters, **swept}
        required = [name for name, parameter in kind.parameters().items() if parameter.required]
        for name in required:
            if name not in values:
                like = f"{self.name}:0.05" if name == kind.strength() else " and ".join(f"{n}=..." for n in required)
                what = "its strength, such as " if name == kind.strength() else ""
                raise ValueError(f"{self.name}: got no {name}, expected {what}{like}")
        return values


def parse_noise(text: str, n_qubits: int | None = None, shape: str = "ring") -> Noise:
    """Return the noise that a text names; a chip needs the circuit's `n_qubits` and `shape`, ring or line.

    Raises ValueError if the text cannot be read, names an unknown kind or chip, or states what is not physical.
    """
    stored = _stored(text)
    if stored is not None:
        return stored
    return _total(term.build(n_qubits, shape) for term in _terms(text))


def at_strength(text: str, strength: float, n_qubits: int | None = None, shape: str = "ring") -> Noise:
    """Return noise of a given strength, for sweeps.

    Kinds whose strength is left open take this one, and everything beside them stays as it is:
    `amplitude-damping+readout:0.02` at 0.1 is `amplitude-damping:0.1+readout:0.02`. If no strength is left open
    (`readout:0.02`, `paper`, a chip, JSON), the whole noise is multiplied by it.

    Raises ValueError as `parse_noise` does, and on a negative strength.
    """
    strength = checks.strength("strength", strength)
    stored = _stored(text)
    if stored is not None:
        return strength * stored
    terms = _terms(text)
    if any(term.is_swept for term in terms):
        return _total(term.build(n_qubits, shape, strength) for term in terms)
    return strength * _total(term.build(n_qubits, shape) for term in terms)


def strength_label(text: str) -> str:
    """Return what the strength of `at_strength(text, strength)` is, with its unit, as the axis of a figure says it.

    It is the parameter of the kinds whose strength is left open, else a factor. The repr of a Noise stands for noise
    that is multiplied; of any other text that is no specification the strength has no meaning that is known.
    """
    try:
        swept = [term for term in _terms(text) if term.is_swept]
    except ValueError:
        # Another text may name a kind that this version does not know: its strength need not be a factor.
        return FACTOR if _is_whole(text) else "strength"
    if not swept or any(term.factor != 1 for term in swept):
        return FACTOR
    labels = [term.kind.label for term in swept if term.kind is not None]
    return str(labels[0]) if len({term.name for term in swept}) == 1 else SEVERAL


def _is_whole(text: str) -> bool:
    """Say whether a text is JSON, names a JSON file, or looks like the repr of a Noise: readout(0.02), <torino ...>."""
    return re.match(r"\w+\(|<|\{|.*\.json$", text.strip().lower()) is not None


def _stored(text: str) -> Noise | None:
    """Return noise given as JSON or by the name of a JSON file; None for other texts."""
    if not isinstance(text, str):
        raise ValueError(f"noise: got {type(text).__name__}, expected a specification such as depolarizing:0.05")
    text = text.strip()
    if text.startswith("{"):
        return Noise.from_json(text)
    if not text.lower().endswith(".json"):
        return None
    try:
        content = read_text(Path(text))
    except (OSError, ValueError) as error:
        raise ValueError(f"noise: got {brief(text)}, expected a JSON file that can be read ({reason(error)})") from None
    noise = Noise.from_json(content)
    if f'"{DIGEST}"' not in content:
        message = f"{text} carries no digest, as files of earlier versions do not: what it says is believed"
        warnings.warn(message, RecordWarning, stacklevel=2)
    return noise


def _total(noises: Iterable[Noise]) -> Noise:
    return sum(noises, Noise())


def _terms(text: str) -> list[Term]:
    # A plus inside a number, as in 1e+4, is no sum.
    return [_term(piece.strip(), text) for piece in re.split(r"(?<![0-9.][eE])\+", text)]


def _term(piece: str, text: str) -> Term:
    body, star, factor_text = piece.partition("*")
    factor = checks.strength("factor", read_number("factor", factor_text)) if star else 1.0
    head, colon, rest = body.partition(":")
    name = head.strip().lower().replace("_", "-")
    if not name:
        raise ValueError(f"noise: got {brief(text)}, expected kinds such as depolarizing:0.05, joined by +")
    if name == ACCOUNT and rest.strip():
        return Term(body.strip().lower(), MappingProxyType({}), factor)
    names = (*spelled(), *RECIPES)
    if name not in names:
        name = chip_name(head)
        if name not in CHIPS:
            near = did_you_mean(name, (*names, *CHIPS))
            expected = f"a kind ({', '.join(names)}) or a chip (noise_models.CHIPS){near}"
            raise ValueError(f"noise: got {brief(head.strip())}, expected {expected}")
        if colon:
            raise ValueError(f"noise: got {brief(piece)}, expected no parameters after the chip {name}")
    values: dict[str, object] = {}
    for position, item in enumerate(rest.split(",") if colon else []):
        parameter, value = _parameter(name, item.strip(), position)
        if parameter in values:
            raise ValueError(f"{name}: got {parameter} twice, expected it once")
        values[parameter] = value
    return Term(name, MappingProxyType(values), factor)


def _parameter(name: str, item: str, position: int) -> tuple[str, object]:
    parameters = RECIPES[name][1] if name in RECIPES else spelled()[name].parameters()
    parameter, equals, value = (part.strip() for part in item.partition("="))
    if not equals:
        nameless = [one for one, described in parameters.items() if described.positional]
        if position >= len(nameless):
            among = ", ".join(f"{one}=..." for one in parameters)
            raise ValueError(f"{name}: got {brief(item)}, expected parameters among {among}")
        parameter, value = nameless[position], item
    if parameter not in parameters:
        expected = f"one of {', '.join(parameters)}{did_you_mean(parameter, parameters)}"
        raise ValueError(f"{name}: got the parameter {brief(parameter)}, expected {expected}")
    return parameter, parameters[parameter].read(parameter, value)
