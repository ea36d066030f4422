"""A digest of what a binary file holds: nested plain values and tensors."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def content_digest(value: object, most: float = math.inf) -> str:
    """Return the SHA-256 of nested mappings, lists, tensors and plain values, equal for equal ones.

    The order of a mapping does not count, and a tuple is a list. ValueError where the values come to more than `most`
    bytes: a damaged or malicious file can stand for more than a memory holds.
    """
    content = _Content(most)
    content.add(value)
    return content.hash.hexdigest()


class _Content:
    """The values added up so far."""

    def __init__(self, most: float) -> None:
        self.hash, self.most = hashlib.sha256(), most

    def add(self, value: object) -> None:
        from torch import Tensor

        if isinstance(value, Tensor):
            self._add_tensor(value)
        elif isinstance(value, Mapping):
            self._write(f"mapping of {len(value)}")
            for name in sorted(value, key=repr):
                self.add(name)
                self.add(value[name])
        elif isinstance(value, list | tuple):
            self._write(f"list of {len(value)}")
            for item in value:
                self.add(item)
        elif isinstance(value, set | frozenset):
            self.add(sorted(value, key=repr))
        elif isinstance(value, float):
            self._write(float(value).hex())
        elif value is None or isinstance(value, bool | int | str | bytes):
            self._write(repr(value))
        else:
            self._write(type(value).__qualname__)
            self.add(vars(value) if hasattr(value, "__dict__") else repr(value))

    def _add_tensor(self, tensor: Tensor) -> None:
        import torch

        self._write(f"{tensor.dtype} of {tuple(tensor.shape)}")
        self._spend(tensor.numel() * tensor.element_size())
        self.hash.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)

    def _write(self, text: str) -> None:
        data = f"{len(text)}:{text}".encode()
        self._spend(len(data))
        self.hash.update(data)

    def _spend(self, size: int) -> None:
        self.most -= size
        if self.most < 0:
            raise ValueError("it stands for more values than a file of its size holds")
