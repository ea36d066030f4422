"""A long session leaves nothing behind: no object per noise, the same again and again or another each time."""

from __future__ import annotations

import gc
from collections.abc import Callable

import pytest
import torch

from circuits import ReuploadLayer
from noise_models import depolarizing, from_aer, readout

CALLS = 4


def aer_noise(p: float) -> object:
    from qiskit_aer.noise import NoiseModel, depolarizing_error

    model = NoiseModel(basis_gates=["rz", "sx", "cz"])
    model.add_all_qubit_quantum_error(depolarizing_error(p, 1), ["sx"])
    return from_aer(model)


@pytest.mark.parametrize(
    "noise",
    [
        lambda p: f"depolarizing:{p}",
        lambda p: depolarizing(p) + readout(p),
        lambda p: f"guadalupe*{p}",
        pytest.param(aer_noise, id="aer"),
    ],
)
@pytest.mark.parametrize("step", [0.0, 1e-4], ids=["the same", "another each time"])
def test_no_object_is_left_per_call(noise: Callable[[float], object], step: float) -> None:
    layer = ReuploadLayer(3, 2, generator=torch.Generator().manual_seed(0))
    angles = torch.zeros(1, 9)

    def session() -> int:
        for call in range(CALLS):
            layer.with_noise(noise(0.01 + step * call))(angles)
        gc.collect()
        return len(gc.get_objects())

    session()
    grown = session() - session()
    assert abs(grown) < CALLS
