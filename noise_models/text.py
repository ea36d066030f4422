"""Noise written in a line of text, as a command line or a configuration file holds it.

    depolarizing:0.05                               a kind and its parameter
    depolarizing:0.01,on=id                         where it acts; several instructions as on=u/cz
    thermal-relaxation:t1=1e-4,t2=8e-5,u=35e-9,cz=70e-9
    depolarizing:5%,wires=[0,2]                     on which wires, and a rate in percent
    readout:[0.01,0.02,0.015]                       a value per wire
    thermal-relaxation:100us,80us,u=35ns,cz=70ns    times with a unit: s, ms, us, ns, ps
    depolarizing:0.05+readout:0.02                  one after the other
    paper, paper*0.5, 0.5*paper, paper/2            the paper's noise, at half its strength
    2*(depolarizing:0.01+readout:0.02)              a factor on several, also as sum([depolarizing:0.01, ...])
    torino, 50%*torino                              the best qubits of a calibrated chip
    torino:idle=true                                with relaxation while qubits wait, as in thermal-relaxation
    account:ibm_torino                              a machine of one's own account, as it is calibrated now
    noise.json, {"format": 1, ...}                  what Noise.to_json() wrote
    depolarizing(0.05, wires=(0, 2))                what a Noise prints

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
from noise_models.kinds import Kind, spelled
from noise_models.noise import DIGEST, Noise, paper
from noise_models.parameters import IDLE, Parameter, read_number
from noise_models.records import MOST_LEVELS, RecordWarning, brief, read_text, reason

RECIPES: Mapping[str, tuple[Callable[..., Noise], Mapping[str, Parameter]]] = MappingProxyType(
    {"paper": (paper, {"damping": Parameter(checks.probability, required=False)})}
)
"""Named sums of several kinds: how they are built, and their parameters."""
ON_CHIP: Mapping[str, Parameter] = MappingProxyType({"idle": IDLE})
"""The parameters of chips."""
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
    body: str
    """Its text without the factor."""
    stored: Noise | None = None
    """What the file of this name holds."""

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
        if self.stored is not None:
            noise = self.stored
        elif self.kind is not None:
            noise = Noise((self.kind.from_text(self._values(self.kind, strength)),))
        elif self.name in RECIPES:
            noise = RECIPES[self.name][0](**self.parameters)
        elif n_qubits is None:
            raise ValueError(f"n_qubits: got None, expected the number of qubits to choose on the chip {self.name}")
        else:
            noise = chip(self.name, n_qubits, shape, idle=bool(self.parameters.get("idle", False)))
        return self.factor * noise

    def given(self, strength: float) -> str:
        """Return its text with the strength that it leaves open."""
        name, _, rest = self.body.partition(":")
        # Named, so that parameters which stand beside it keep their meaning.
        stated = f"{strength!r}" if not rest else f"{self.kind.strength() if self.kind else ''}={strength!r},{rest}"
        return f"{self._times}{name}:{stated}"

    def __str__(self) -> str:
        return f"{self._times}{self.body}"

    @property
    def _times(self) -> str:
        return "" if self.factor == 1 else f"{self.factor!r}*"

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
    return _total(_built(term, n_qubits, shape) for term in _terms(text))


def _built(term: Term, n_qubits: int | None, shape: str) -> Noise:
    """Return the noise of a term; the error on a probability that is none names the term that holds it."""
    try:
        return term.build(n_qubits, shape)
    except ValueError as error:
        if " in [0, " not in str(error):
            raise
        raise ValueError(f"noise: {term.body.strip()}: {error}; percent have their sign, as in 5%") from error


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


def give_second(text: str, strength: float) -> str:
    """Return a text of two kinds named alone with the strength of the second one, for sweeps of both.

    `amplitude-damping+readout` at 0.02 is `amplitude-damping + readout:0.02`. Raises ValueError where the text does not
    leave the strengths of exactly two kinds open.
    """
    strength = checks.strength("second", strength)
    terms = [] if _stored(text) is not None else _terms(text)
    swept = [term for term in terms if term.is_swept]
    if len(swept) != 2:
        raise ValueError(
            f"noise: got {brief(text)} with a second strength, expected two kinds named alone, "
            "such as amplitude-damping+readout"
        )
    return " + ".join(term.given(strength) if term is swept[1] else str(term) for term in terms)


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
    if not text.lower().endswith(".json") or (re.search(r"[+*]", text) and not Path(text).is_file()):
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


def _split(text: str) -> list[str]:
    """Return the summands of a text: a plus in parentheses or inside a number, as in 1e+4, is none."""
    pieces, depth = [""], 0
    for place, character in enumerate(text):
        depth += (character == "(") - (character == ")")
        if depth < 0:
            break
        if character == "+" and depth == 0 and not re.search(r"(?<![A-Za-z])[0-9.]+[eE]$", text[:place]):
            pieces.append("")
        else:
            pieces[-1] += character
    if depth or text.count("(") > MOST_LEVELS:
        raise ValueError(f"noise: got {brief(text)}, expected parentheses that close, {MOST_LEVELS} at most")
    return pieces


_LIST = re.compile(r"(?<![\w-])(?:\[([^\[\]():={}]*)\]|\(([^\[\]():={}]*,[^\[\]():={}]*)\))")
_CALL = re.compile(r"([A-Za-z][\w-]*)\s*\(([^()]*)\)")
_SUM = re.compile(r"\bsum\(\s*\[(.*?)\]\s*\)(?=\s*(?:[-+*/)]|$))", re.DOTALL)
_NEXT = re.compile(r",\s*(?=(?:[0-9.]+\s*%?\s*\*\s*)?[(A-Za-z][\w-]*\s*(?:[:(*/+,]|$))")
"""The comma before another summand of a list; that before a parameter has an equals sign or a number after it."""


def _in_our_spelling(text: str) -> str:
    """Return a text in which lists are joined by bars, and calls, as a Noise prints them, are written with colons."""

    def joined(match: re.Match[str]) -> str:
        items = [item.strip().replace("|", "-") for item in (match[1] or match[2] or "").split(",")]
        return "|".join(item for item in items if item) + "|"

    def called(match: re.Match[str]) -> str:
        return f"{match[1]}:{match[2].strip()}" if match[2].strip() else match[1]

    def added(match: re.Match[str]) -> str:
        terms, depth = [""], 0
        for piece in re.split(f"({_NEXT.pattern})|([][(){{}}])", match[1]):
            depth += {None: 0, "(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}.get(piece, 0)
            if piece and piece.startswith(",") and depth == 0 and not piece.strip(", "):
                terms.append("")
            else:
                terms[-1] += piece or ""
        return f"({'+'.join(term for term in terms if term.strip())})"

    text = _SUM.sub(added, re.sub(r"['\"]", "", text))
    text = re.sub(r"(?:gate_times\s*=\s*)?{([^{}]*)}", lambda match: match[1].replace(":", "="), text)
    while _LIST.search(text):
        text = _LIST.sub(joined, text)
    return _CALL.sub(called, re.sub(r"\|-|-\|", "|", text))


def _terms(text: str) -> list[Term]:
    return _sum(_in_our_spelling(text), text, 1.0)


def _sum(piece: str, text: str, factor: float) -> list[Term]:
    """Return the summands of a piece of a text, each of them times a factor."""
    return [term for summand in _split(piece) for term in _product(summand.strip(), text, factor)]


_NUMBER = r"[-+]?(?:[0-9][0-9_]*\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?\s*%?"
_BEFORE = re.compile(rf"({_NUMBER})\s*\*\s*(.*)", re.DOTALL)
_AFTER = re.compile(rf"(.*?)\s*(?:(\*)([^*/()]*)|/\s*({_NUMBER}))\s*", re.DOTALL)


def _product(piece: str, text: str, factor: float) -> list[Term]:
    """Return the summands of a product of numbers and one kind, recipe, chip, file or sum in parentheses."""
    while True:
        if before := _BEFORE.fullmatch(piece):
            factor, piece = factor * _factor(before[1]), before[2]
        elif (after := _AFTER.fullmatch(piece)) and after[2]:
            factor, piece = factor * _factor(after[3]), after[1]
        elif after:
            divisor, piece = _factor(after[4]), after[1]
            if divisor == 0:
                raise ValueError(f"noise: got {brief(text)}, which divides by 0, expected a number above 0")
            factor /= divisor
        else:
            break
    if piece.startswith("(") and piece.endswith(")"):
        return _sum(piece[1:-1], text, factor)
    return [_term(piece, text, factor)]


def _factor(text: str) -> float:
    return checks.strength("factor", read_number("factor", text))


def _term(body: str, text: str, factor: float) -> Term:
    if body.lower().endswith(".json"):
        return Term(body, MappingProxyType({}), factor, body, _stored(body))
    head, colon, rest = body.partition(":")
    name = head.strip().lower().replace("_", "-")
    if not name:
        raise ValueError(f"noise: got {brief(text)}, expected kinds such as depolarizing:0.05, joined by +")
    if name == ACCOUNT and rest.strip():
        return Term(body.strip().lower(), MappingProxyType({}), factor, body)
    names = (*spelled(), *RECIPES)
    if name not in names:
        name = chip_name(head)
        if name not in CHIPS:
            near = did_you_mean(name, (*names, *CHIPS))
            expected = f"a kind ({', '.join(names)}) or a chip (noise_models.CHIPS){near}"
            raise ValueError(f"noise: got {brief(head.strip())}, expected {expected}")
    values: dict[str, object] = {}
    for position, item in enumerate(rest.split(",") if colon else []):
        parameter, value = _parameter(name, item.strip(), position)
        if parameter in values:
            raise ValueError(f"{name}: got {parameter} twice, expected it once")
        values[parameter] = value
    return Term(name, MappingProxyType(values), factor, body)


def _parameter(name: str, item: str, position: int) -> tuple[str, object]:
    parameters = RECIPES[name][1] if name in RECIPES else spelled()[name].parameters() if name in spelled() else ON_CHIP
    parameter, equals, value = (part.strip() for part in item.partition("="))
    parameter = parameter.lower().replace("-", "_") if equals else parameter
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
