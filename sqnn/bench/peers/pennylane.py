"""PennyLane on PyTorch: default.qubit, lightning.qubit and default.mixed, as its documentation and others use them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from sqnn.bench.peers.peer import Evaluate, Pass, Peer, torch_pass

if TYPE_CHECKING:
    from circuits import DataReupload
    from noise_models import Noise


def _pass(
    circuit: DataReupload,
    inputs: Tensor,
    weights: Tensor,
    *,
    device: str = "default.qubit",
    diff_method: str = "backprop",
    one_by_one: bool = False,
) -> Pass:
    from circuits import make_engine

    engine = make_engine("pennylane", circuit, device=device, diff_method=diff_method)
    return torch_pass(_one_by_one(engine) if one_by_one else engine, inputs, weights)


def _mixed(circuit: DataReupload, noise: Noise, shots: int | None) -> Evaluate:
    from circuits import make_engine

    return _one_by_one(make_engine("pennylane", circuit, noise=noise, diff_method="backprop"))


def _one_by_one(evaluate: Evaluate) -> Evaluate:
    """Evaluate one sample at a time, as the public code of SQDR-CNN does."""
    return lambda inputs, weights: torch.cat([evaluate(row, weights) for row in inputs.split(1)])


BROADCAST = Peer("pennylane", "default.qubit, broadcast", "pennylane", ("pennylane",), circuit=_pass, states=2)
LIGHTNING = Peer(
    "pennylane-lightning",
    "lightning.qubit, adjoint",
    "pennylane_lightning",
    ("pennylane", "pennylane_lightning"),
    circuit=partial(_pass, device="lightning.qubit", diff_method="adjoint"),
    single=True,
    cpu_only=True,
    precisions=(torch.float32,),  # PennyLane rounds its results to PyTorch's default
)
ONE_BY_ONE = Peer(
    "pennylane-one-by-one",
    "default.qubit, one by one",
    "pennylane",
    ("pennylane",),
    circuit=partial(_pass, one_by_one=True),
    single=True,
)
MIXED = Peer(
    "pennylane-mixed",
    "default.mixed, one by one",
    "pennylane",
    ("pennylane",),
    noisy=_mixed,
    noisy_batches={"exact, forward + backward": 1},
)
