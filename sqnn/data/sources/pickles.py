"""Pickled arrays, as CIFAR-10 and CIFAR-100 come in Python's form, read without running anything."""

from __future__ import annotations

import math
import pickletools
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from sqnn.core import brief
from sqnn.data.errors import DataError, reason

MARK = object()
"""The mark on the stack before the members of a collection."""
CODES = frozenset({f"{kind}{size}" for kind in "iuf" for size in (1, 2, 4, 8)} - {"f1"} | {"b1"})
"""NumPy's codes of the numbers that an array may hold."""
MOST_AXES, MOST_SIDE = 8, 2**40
MOST_OPERATIONS = 2_000_000
"""Ten times what the largest CIFAR file needs; each may take some hundred bytes of memory."""
BYTE_STRINGS = frozenset({"STRING", "BINSTRING", "SHORT_BINSTRING"})
CONSTANTS: Mapping[str, object] = MappingProxyType({"NONE": None, "NEWTRUE": True, "NEWFALSE": False})
VALUES = BYTE_STRINGS | {
    *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4"),
    *("UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"),
    *("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"),
}
EMPTY: Mapping[str, Callable[[], Any]] = MappingProxyType(
    {"EMPTY_DICT": dict, "EMPTY_LIST": list, "EMPTY_TUPLE": tuple}
)
TUPLES = MappingProxyType({"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3})
PUTS = frozenset({"PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"})
GETS = frozenset({"GET", "BINGET", "LONG_BINGET"})
IDLE = frozenset({"PROTO", "FRAME"})


class _Dtype:
    """A type of numbers, as it is being unpickled."""

    def __init__(self, code: object, *_: object) -> None:
        self.code = _text(code)
        if self.code not in CODES:
            raise ValueError(f"an array of {brief(self.code)}, expected numbers")
        self.order = "="

    def build(self, state: object) -> None:
        if isinstance(state, tuple) and len(state) > 1 and _text(state[1]) in ("<", ">", "=", "|"):
            self.order = _text(state[1])
            return
        raise ValueError("a type of numbers with a damaged state")


class _Array:
    """An array, as it is being unpickled; no memory is taken before its bytes are there."""

    value: np.ndarray[Any, Any] | None = None

    def build(self, state: object) -> None:
        if not isinstance(state, tuple) or len(state) != 5:
            raise ValueError("an array with a damaged state")
        _, shape, dtype, fortran, data = state
        self.fill(data, dtype, shape, "F" if fortran else "C")

    def fill(self, data: object, dtype: object, shape: object, order: str) -> None:
        sides: tuple[Any, ...] = shape if isinstance(shape, tuple) else (None,)
        fits = len(sides) <= MOST_AXES and all(_is_side(side) for side in sides)
        if not isinstance(dtype, _Dtype) or not isinstance(data, bytes | bytearray) or not fits:
            raise ValueError("an array with a damaged state")
        kind = np.dtype(f"{dtype.order}{dtype.code}")
        if math.prod(sides) * kind.itemsize != len(data):
            raise ValueError(f"an array of shape {brief(shape)} with {len(data):,} bytes of data")
        self.value = np.frombuffer(data, kind).reshape(sides, order="F" if order == "F" else "C")


def _is_side(value: object) -> bool:
    return type(value) is int and 0 <= value <= MOST_SIDE


def _from_buffer(data: object, dtype: object, shape: object, order: object, *_: object) -> _Array:
    array = _Array()
    array.fill(data, dtype, shape, _text(order))
    return array


def _encode(text: object, encoding: object) -> bytes:
    if _text(encoding) not in ("latin1", "latin-1"):
        raise ValueError(f"text in {brief(encoding)}")
    return _text(text).encode("latin-1")


def _text(value: object) -> str:
    if isinstance(value, bytes):
        return value.decode("latin-1")
    if isinstance(value, str):
        return value
    raise ValueError(f"{brief(value)}, expected a text")


_NUMPY = {
    f"{core}.{name}": stand_in
    for core in ("numpy.core", "numpy._core")
    for name, stand_in in (
        ("multiarray _reconstruct", lambda *_: _Array()),
        ("numeric _frombuffer", _from_buffer),
    )
}
ADMITTED: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {**_NUMPY, "numpy dtype": _Dtype, "numpy ndarray": lambda *_: _Array(), "_codecs encode": _encode}
)
"""What a pickle may name, and what stands for it here: nothing that a pickle names is ever imported or called."""


def read_pickle(path: Path, data: bytes) -> object:
    """Return nested dicts, lists, numbers, texts and NumPy arrays; a pickle that asks for anything else is refused.

    The operations are carried out here, so that no size is believed and nothing is imported. `path` is what errors
    name. Raises DataError.
    """
    try:
        return _Machine(data).run()
    except DataError:
        raise
    except Exception as error:  # a damaged pickle leads to the wrong types anywhere
        raise DataError(f"{path}: not a readable pickle of arrays ({reason(error)}); fetch it again") from error


class _Machine:
    """The stack and the memory of the unpickling of one file."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.left = len(data)  # bytes that texts may be encoded to: each is in the file once
        self.stack: list[Any] = []
        self.memory: dict[int, Any] = {}

    def run(self) -> object:
        """Carry out all operations up to the last and return what is then on the stack."""
        for number, (operation, argument, _) in enumerate(pickletools.genops(self.data)):
            name = operation.name
            if number == MOST_OPERATIONS:
                raise ValueError(f"more than {MOST_OPERATIONS:,} operations")
            if name == "STOP":
                return _plain(self.stack.pop())
            self.step(name, argument)
        raise ValueError("its end is missing")

    def step(self, name: str, argument: Any) -> None:
        """Carry out one operation."""
        stack = self.stack
        if name in VALUES:
            stack.append(argument.encode("latin-1") if name in BYTE_STRINGS else argument)
        elif name in CONSTANTS:
            stack.append(CONSTANTS[name])
        elif name in EMPTY:
            stack.append(EMPTY[name]())
        elif name == "MARK":
            stack.append(MARK)
        elif name in PUTS:
            self.memory[len(self.memory) if name == "MEMOIZE" else argument] = stack[-1]
        elif name in GETS:
            stack.append(self.memory[argument])
        elif name in TUPLES:
            stack[-TUPLES[name] :] = [tuple(stack[-TUPLES[name] :])]
        elif name in ("TUPLE", "LIST"):
            members = self.marked()
            stack.append(tuple(members) if name == "TUPLE" else members)
        elif name == "DICT":
            stack.append(_mapping(self.marked()))
        elif name in ("APPEND", "APPENDS"):
            members = self.marked() if name == "APPENDS" else [stack.pop()]
            _of(stack[-1], list).extend(members)
        elif name in ("SETITEM", "SETITEMS"):
            members = self.marked() if name == "SETITEMS" else [stack.pop(-2), stack.pop()]
            _of(stack[-1], dict).update(_mapping(members))
        elif name in ("GLOBAL", "STACK_GLOBAL"):
            wanted = argument if name == "GLOBAL" else f"{_text(stack.pop(-2))} {_text(stack.pop())}"
            if wanted not in ADMITTED:
                raise ValueError(f"it asks for {brief(wanted.replace(' ', '.'))}, which is no data")
            stack.append(ADMITTED[wanted])
        elif name in ("REDUCE", "NEWOBJ"):
            arguments, stand_in = stack.pop(), stack.pop()
            if stand_in not in ADMITTED.values():
                raise ValueError("it calls what is no data")
            value = stand_in(*_of(arguments, tuple))
            self.left -= len(value) if isinstance(value, bytes) else 0
            if self.left < 0:
                raise ValueError("it encodes more text than it holds")
            stack.append(value)
        elif name == "BUILD":
            state = stack.pop()
            if not isinstance(stack[-1], _Array | _Dtype):
                raise ValueError("it gives a state to what is no array")
            stack[-1].build(state)
        elif name not in IDLE:
            raise ValueError(f"an operation {name}, which no array needs")

    def marked(self) -> list[Any]:
        """Take what lies above the last mark off the stack, and the mark too."""
        at = next((i for i in range(len(self.stack) - 1, -1, -1) if self.stack[i] is MARK), None)
        if at is None:
            raise ValueError("a mark is missing")
        members = self.stack[at + 1 :]
        del self.stack[at:]
        return members


def _of(value: Any, kind: type) -> Any:
    if type(value) is not kind:
        raise ValueError(f"{brief(value)} in the place of a {kind.__name__}")
    return value


def _mapping(members: list[Any]) -> dict[Any, Any]:
    if len(members) % 2:
        raise ValueError("a name without a value")
    names = members[::2]
    if not all(isinstance(name, str | bytes | int) for name in names):
        raise ValueError("a name that is no text")
    return dict(zip(names, members[1::2], strict=True))


def _plain(value: object) -> object:
    """Return a value with the names of its mapping as texts and its arrays finished; deeper values stay as they are."""
    if isinstance(value, dict):
        return {_text(name) if isinstance(name, bytes) else name: _plain_member(each) for name, each in value.items()}
    return _plain_member(value)


def _plain_member(value: object) -> object:
    return value.value if isinstance(value, _Array) else value
