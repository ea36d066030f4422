"""A network with attributes that have no copy is converted, and stays what it was."""

from __future__ import annotations

import copy
import threading

import torch
from torch import Tensor, nn

from sqnn.conversion import convert, verify
from sqnn.conversion.graph.copying import copy_of
from sqnn.neurons import QCFS


class Watched(nn.Module):
    """It has a lock, and writes into lists, tensors and buffers while it runs."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm, self.act, self.last = nn.Linear(4, 5), nn.BatchNorm1d(5), QCFS(2), nn.Linear(5, 3)
        self.tied = nn.Linear(4, 5)
        self.tied.weight = self.first.weight
        self.lock = threading.Lock()
        self.log: list[object] = [self.lock]
        self.calls: list[int] = []
        self.total = torch.zeros(3)
        self.last.register_forward_hook(lambda module, given, output: output + 1)

    def forward(self, images: Tensor) -> Tensor:
        with self.lock:
            self.calls.append(len(images))
            self.log.append(1)
            self.total += 1
            return self.last(self.act(self.norm(self.first(images))))


def test_a_copy_has_all_of_its_own_but_what_has_no_copy() -> None:
    model = Watched()
    copied = copy_of(model)
    assert copied.lock is model.lock
    assert copied.tied.weight is copied.first.weight is not model.first.weight
    for mine, other in ((model.log, copied.log), (model._modules, copied._modules), (model.total, copied.total)):
        assert mine is not other
    assert copied.last._forward_hooks.keys() == model.last._forward_hooks.keys()
    assert not {id(part) for part in copied.modules()} & {id(part) for part in model.modules()}
    images = torch.rand(6, 4)
    assert torch.equal(copied.eval()(images), model.eval()(images))
    assert len(model.calls) == len(copied.calls) == 1


def test_a_conversion_leaves_no_trace_in_a_network_without_a_copy() -> None:
    model = Watched().train()
    model.norm(torch.randn(20, 5))
    images = torch.rand(8, 4)
    attributes = {name: copy.copy(vars(part)) for name, part in model.named_modules()}
    state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    spiking = convert(model, images=images)
    for name, part in model.named_modules():
        assert vars(part) == attributes[name], name
        assert part.training
    assert (model.calls, model.log, model.total.tolist()) == ([], [model.lock], [0, 0, 0])
    assert all(torch.equal(tensor, state[name]) for name, tensor in model.state_dict().items())
    spiking.double()(images.double())
    assert {tensor.dtype for tensor in (*model.parameters(), *model.norm.running_mean[None])} == {torch.float32}
    exact = verify(model.double(), convert(model, images=images.double()), images.double())
    assert exact.exact
    assert exact.bits > 0
