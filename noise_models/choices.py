"""Named alternatives of one kind, and the message for a name that is not among them."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

from noise_models.records import BRIEF, brief

T = TypeVar("T")


class UnknownNameError(KeyError):
    """A name that is not among the alternatives; a KeyError shows its message between quotation marks."""

    def __str__(self) -> str:
        return str(self.args[0])


class Choices(Mapping[str, T]):
    """An immutable mapping from names to alternatives, in their order: `ENCODERS.pick("phase")`.

    `argument` is the argument that takes such a name; error messages begin with it, and end with what `hint` says of a
    name that is not there.
    """

    def __init__(self, argument: str, members: Mapping[str, T], hint: Callable[[str], str] = lambda name: "") -> None:
        self.hint = hint
        self._argument = argument
        self._members = dict(members)

    def __getitem__(self, name: str) -> T:
        if name in self._members:
            return self._members[name]
        raise UnknownNameError(unknown(self._argument, name, self))

    # Mapping asks these by the error, whose message takes longer than the answer.
    def __contains__(self, name: object) -> bool:
        return name in self._members

    def get(self, name: str, default: Any = None) -> Any:
        return self._members.get(name, default)

    def __iter__(self) -> Iterator[str]:
        return iter(self._members)

    def __len__(self) -> int:
        return len(self._members)

    def __repr__(self) -> str:
        return f"Choices({self._argument!r}: {', '.join(self)})"

    def pick(self, name: object, argument: str | None = None, error: type[ValueError] = ValueError) -> T:
        """Return the alternative called `name`; `error` names `argument`, the valid names and the nearest of them."""
        if isinstance(name, str) and name in self._members:
            return self._members[name]
        raise error(unknown(argument or self._argument, name, self))


def unknown(argument: str, name: object, names: Iterable[str]) -> str:
    """Return the message for a name that is not among `names`, with the nearest of them if one is near."""
    valid = tuple(names)
    hint = names.hint(_short(name)) if isinstance(names, Choices) else ""
    return f"{argument}: got {brief(name)}, expected one of {', '.join(valid)}{hint or did_you_mean(name, valid)}"


def did_you_mean(name: object, names: Iterable[str]) -> str:
    """Return "; did you mean 'x'?" for the one of `names` that is nearest to `name`, or "" if none is near."""
    spelled = {valid.lower().replace("_", "-"): valid for valid in names}
    near = difflib.get_close_matches(_short(name).lower().replace("_", "-"), spelled, n=1)
    return f"; did you mean {spelled[near[0]]!r}?" if near else ""


def _short(name: object) -> str:
    """Return a name as text; what is too long for a name is cut, which nothing is near to."""
    return name[:BRIEF] if isinstance(name, str) else brief(name)
