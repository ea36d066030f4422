"""Small circuits are computed in one thread, gradients included, whatever PyTorch takes; large ones as it likes."""

from __future__ import annotations

from collections.abc import Callable

import pennylane as qml
import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from circuits import DataReupload, LightConeEngine, ReuploadLayer, computing_in, threads, when_small
from circuits.diagnostics import states

SHARED = ("cos", "sin", "mul", "bmm", "addcmul", "index")
"""Operations that PyTorch shares among its threads; what only looks at a tensor differently may run in any number."""


class Watch(TorchDispatchMode):
    """Notes in how many threads the operations of a block are computed."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: set[int] = set()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func.overloadpacket.__name__.rstrip("_") in SHARED:
            self.seen.add(torch.get_num_threads())
        return func(*args, **(kwargs or {}))


def qnode(inputs: Tensor, weights: Tensor) -> Tensor:
    @qml.qnode(qml.device("sqnn.lightcone", wires=4), interface="torch")
    def circuit() -> list[qml.measurements.ExpectationMP]:
        for wire in range(4):
            qml.Rot(*inputs[0, 3 * wire : 3 * wire + 3], wires=wire)
            qml.CZ([wire, (wire + 1) % 4])
            qml.Rot(*weights[1, wire], wires=wire)
        return [qml.expval(qml.Z(0)), qml.expval(qml.X(1) @ qml.Z(2))]

    return torch.stack(list(circuit()))


def layer(n_blocks: int = 2, **options: object) -> Callable[[Tensor, Tensor], Tensor]:
    made = ReuploadLayer(4, n_blocks, **options)
    return lambda inputs, weights: made.engine(inputs, weights[:n_blocks])


CALLS: dict[str, Callable[[], Callable[[Tensor, Tensor], Tensor]]] = {
    "one block": lambda: layer(1),
    "two blocks": layer,
    "joined to all": lambda: layer(entangler="all"),
    "Pauli paths": lambda: layer(3, entangler="line"),
    "state vector": lambda: layer(3),
    "pairs": lambda: layer(observable="ZZ"),
    "noise": lambda: layer(noise="depolarizing:0.05"),
    "pennylane": lambda: layer(engine="pennylane"),
    "pennylane, noise": lambda: layer(engine="pennylane", noise="depolarizing:0.05"),
    "device": lambda: qnode,
    "amplitudes": lambda: lambda inputs, weights: states(DataReupload(4, 3), inputs, weights).real,
}


def pieces() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(3)
    inputs, weights = torch.rand(6, 12, generator=generator), torch.rand(3, 4, 3, generator=generator)
    return inputs.requires_grad_(), weights.requires_grad_()


@pytest.mark.parametrize("name", CALLS)
def test_a_small_circuit_and_its_gradient_take_one_thread(name: str) -> None:
    call, (inputs, weights) = CALLS[name](), pieces()
    with computing_in(3):
        with Watch() as forward:
            out = call(inputs, weights)
        assert torch.get_num_threads() == 3
        loss = out.sum()
        with Watch() as backward:
            gradients = torch.autograd.grad(loss, (inputs, weights))
        assert torch.get_num_threads() == 3
    assert forward.seen == {1}
    assert backward.seen <= {1}
    assert (inputs._backward_hooks, weights._backward_hooks) == (None, None)
    # Watched again: what nobody watches is computed by kernels, to other roundings.
    with computing_in(1), Watch():
        same = torch.autograd.grad(CALLS[name]()(inputs, weights).sum(), (inputs, weights))
    assert all(torch.equal(one, other) for one, other in zip(gradients, same, strict=True))


@pytest.mark.parametrize("name", ["Pauli paths", "noise", "device", "amplitudes", "pennylane"])
def test_a_large_one_takes_as_many_as_pytorch_does(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(threads, "ONE_THREAD_WORK", 1)
    call, (inputs, weights) = CALLS[name](), pieces()
    with computing_in(3), Watch() as watch:
        call(inputs, weights).sum().backward()
    assert watch.seen == {3}


def test_what_is_small_goes_by_the_batch_and_the_circuit(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = []

    def note(work: int, call: object, inputs: Tensor, weights: Tensor) -> Tensor:
        sizes.append(work)
        return inputs[:, : inputs.shape[1] // 3]

    monkeypatch.setattr("circuits.engines.lightcone.engine.when_small", note)
    for batch, n_blocks in ((128, 2), (128, 3), (128, 4), (8192, 2), (8, 12)):
        LightConeEngine(DataReupload(9, n_blocks))(torch.zeros(batch, 27).double(), torch.zeros(n_blocks, 9, 3))
    LightConeEngine(DataReupload(18, 12))(torch.zeros(128, 54).double(), torch.zeros(12, 18, 3))
    assert [size <= threads.ONE_THREAD_WORK for size in sizes] == [True, True, True, False, True, False]


def test_what_comes_before_the_circuit_has_its_threads_back() -> None:
    made, (inputs, _) = ReuploadLayer(4, 3), pieces()
    seen = []
    with computing_in(3):
        before = inputs * 2
        before.register_hook(lambda gradient: seen.append(torch.get_num_threads()))
        made(before).sum().backward()
    assert seen == [3]


def test_second_derivatives_are_those_of_one_thread() -> None:
    made, (inputs, weights) = LightConeEngine(DataReupload(4, 3, "line")), pieces()
    found = []
    for number in (1, 3):
        with computing_in(number):
            (first,) = torch.autograd.grad(made(inputs, weights).sum(), weights, create_graph=True)
            found.append(torch.autograd.grad(first.square().sum(), (inputs, weights)))
            assert torch.get_num_threads() == number
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other)


def test_transforms_of_torch_func_pass_through() -> None:
    made, (inputs, weights) = LightConeEngine(DataReupload(4, 3, "line")), pieces()
    x, w = inputs.detach(), weights.detach()
    found = []
    for number in (1, 3):
        with computing_in(number):
            one = torch.func.vmap(torch.func.grad(lambda w, x: made(x[None], w).sum()), (None, 0))(w, x)
            found.append((one, torch.func.jacrev(lambda w: made(x, w))(w)))
            assert torch.get_num_threads() == number
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other)


class Failing(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: Tensor) -> Tensor:
        return x.clone()

    @staticmethod
    def backward(ctx, gradient: Tensor) -> Tensor:
        raise ArithmeticError(f"in {torch.get_num_threads()}")


def test_an_error_leaves_the_number_as_it_was() -> None:
    inputs, _ = pieces()
    with computing_in(3):
        with pytest.raises(KeyError):
            when_small(1, {}.__getitem__, inputs)
        assert torch.get_num_threads() == 3
        out = when_small(1, Failing.apply, inputs)
        with pytest.raises(ArithmeticError, match="in 1"):
            out.sum().backward()
        assert torch.get_num_threads() == 3


def test_the_number_is_set_back_also_where_the_block_changed_it() -> None:
    before = torch.get_num_threads()
    with computing_in(before):
        torch.set_num_threads(before + 1)
    found = torch.get_num_threads()
    torch.set_num_threads(before)
    assert found == before
