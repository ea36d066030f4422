"""While tests run, annotated shapes are checked: a wrong one is found where it arises."""

from __future__ import annotations

import pytest
import torch
from jaxtyping import TypeCheckError

from circuits import ENGINES, DataReupload, LightConeEngine, make_engine
from sqnn.encoding import Direct, RunningRange, bits
from sqnn.neurons import lif_sequence, lif_step, make_surrogate

RULE = {"decay": 0.5, "threshold": 1.0, "reset": "subtract", "surrogate": make_surrogate("atan")}


def test_currents_and_membranes_have_one_shape() -> None:
    assert lif_step(torch.ones(2, 3), torch.ones(2, 3), **RULE)[0].shape == (2, 3)
    with pytest.raises(TypeCheckError):
        lif_step(torch.ones(2, 3), torch.ones(3), **RULE)


def test_a_sequence_has_time_and_batch() -> None:
    with pytest.raises(TypeCheckError):
        lif_sequence(torch.ones(4), **RULE)


def test_values_are_floating_point_and_have_a_batch() -> None:
    with pytest.raises(TypeCheckError):
        bits(torch.ones(2, 3, dtype=torch.int64), 4)
    with pytest.raises(TypeCheckError):
        RunningRange()(torch.tensor(1.0))


def test_what_an_encoder_gives_is_checked_too() -> None:
    class Transposed(Direct):
        def emit(self, unit: torch.Tensor, generator: torch.Generator | None = None) -> torch.Tensor:
            return unit.expand(self.timesteps, *unit.shape).transpose(1, 2).sum((0, 1))

    with pytest.raises(TypeCheckError):
        Transposed(3).encode(torch.rand(2, 4))


@pytest.mark.parametrize("name", ENGINES)
def test_engines_take_the_angles_of_their_circuit(name: str) -> None:
    inputs, weights = torch.zeros(4, 9), torch.zeros(2, 3, 3)
    engine = make_engine(name, DataReupload(3, 2), shots=10)
    assert engine(inputs, weights).shape == (4, 3)
    for wrong_inputs, wrong_weights in (
        (inputs[:, :6], weights),
        (inputs[0], weights),
        (inputs, weights[:1]),
        (inputs, weights[:, :2]),
        (inputs, weights[..., :2]),
        (inputs.long(), weights),
    ):
        with pytest.raises(TypeCheckError):
            engine(wrong_inputs, wrong_weights)


def test_what_an_engine_gives_has_a_row_for_each_sample() -> None:
    class Transposed(LightConeEngine):
        def _exact(self, inputs: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
            return super()._exact(inputs, weights).t()

        def __init__(self, circuit: DataReupload) -> None:
            super().__init__(circuit)
            self._kernel_is_whole = False  # nor does a kernel answer for it

    with pytest.raises(TypeCheckError):
        make_engine(Transposed, DataReupload(3, 2))(torch.zeros(4, 9), torch.zeros(2, 3, 3))
