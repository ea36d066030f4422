"""Floating-point type and torch device of an evaluation: those of the circuit's parameters."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pennylane as qml
import torch
from pennylane.typing import TensorLike
from torch import Tensor

CPU = torch.device("cpu")
ROUNDING = 1e-6
"""What a part of a number or matrix may be beside the whole and still count as rounding, in float32 too."""


@dataclass(frozen=True)
class Precision:
    """The real type, its complex companion and the torch device of one evaluation."""

    real: torch.dtype = torch.float64
    device: torch.device = CPU

    @property
    def complex(self) -> torch.dtype:
        """complex64 beside float32, complex128 beside float64."""
        return self.real.to_complex()

    def cast_real(self, value: TensorLike) -> Tensor:
        """Return `value` as a real tensor; gradients flow through a torch tensor."""
        return torch.as_tensor(value, dtype=self.real, device=self.device)

    def cast_complex(self, value: TensorLike) -> Tensor:
        """Return `value` as a complex tensor; gradients flow through a torch tensor."""
        return torch.as_tensor(value, dtype=self.complex, device=self.device)


def common_precision(parameters: Iterable[TensorLike]) -> Precision:
    """Return the precision of the torch tensors among the parameters: the wider type, float64 where there is none."""
    tensors = [value for value in parameters if isinstance(value, Tensor)]
    types = {value.dtype.to_real() for value in tensors if value.is_floating_point() or value.is_complex()}
    real = torch.float32 if types and types <= {torch.float32, torch.float16, torch.bfloat16} else torch.float64
    device = next((value.device for value in tensors if value.device.type != "cpu"), CPU)
    return Precision(real, device)


def is_complex(value: TensorLike) -> bool:
    """Say whether a number or array is of a complex type."""
    return value.is_complex() if isinstance(value, Tensor) else np.iscomplexobj(qml.math.unwrap([value])[0])


def is_sizable(part: TensorLike, whole: TensorLike) -> bool | None:
    """Say whether `part` is more than rounding beside `whole`; None where torch.func.vmap hides the numbers."""
    if isinstance(whole, Tensor):
        size = whole.detach().abs()
        try:
            return (
                bool((torch.as_tensor(part).detach().abs() > ROUNDING * size.amax()).any()) if size.numel() else False
            )
        except RuntimeError:
            return None
    part, whole = (np.asarray(value) for value in qml.math.unwrap([part, whole]))
    return bool(whole.size) and bool(np.any(np.abs(part) > ROUNDING * np.abs(whole).max()))
