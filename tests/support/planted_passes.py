"""Networks whose passes change them, whose copies are others, that count images, or compute where no mode looks."""

from __future__ import annotations

import functools
import itertools
import threading
import weakref

import torch
from planted import Net, Planted, Verdict, changed, either, exact, on_maps, planted, refused
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

EXACT, EITHER, REFUSED = Verdict.EXACT, Verdict.EITHER, Verdict.REFUSED

# Weights that a pass changes before it uses them.


@refused
def weight_shrinks(self, x):
    self.second.weight.data.mul_(0.9)
    return self.end(self.begin(x))


@refused
def weight_is_set_anew(self, x):
    self.second.weight.data = self.second.weight.data * 0.9
    return self.end(self.begin(x))


@refused
def weight_is_turned_as_an_array(self, x):
    self.second.weight.detach().numpy()[:] *= -1
    return self.end(self.begin(x))


@refused
def statistics_drift(self, x):
    self.norm.running_mean.add_(0.1)
    return self.end(self.begin(x))


# DequanWang/tent adapts in evaluation.
@refused
def adapts_to_its_images(self, x):
    with torch.enable_grad():
        y = self.begin(x)
        (slope,) = torch.autograd.grad((self.gain * y.detach()).var(), self.gain)
    self.gain.data.sub_(0.1 * slope)
    return self.end(y * self.gain)


# vlawhern/arl-eegmodels bounds the norm of its weights.
@exact
def weight_is_bounded(self, x):
    self.second.weight.data = torch.renorm(self.second.weight.data, p=2, dim=0, maxnorm=0.5)
    return self.end(self.begin(x))


@either
def setting_of_a_layer_changes_between_its_calls(self, x):
    self.second.padding = (0, 0)
    y = self.second(self.begin(x))
    self.second.padding = (1, 1)
    return self.end(y)


@planted(REFUSED, lambda net: setattr(net, "factors", itertools.cycle([1.0, 1.0, 2.0])))
def factors_in_turn(self, x):
    return self.end(self.begin(x) * next(self.factors))


# Copies that are other networks.

FACTORS: weakref.WeakKeyDictionary[nn.Module, float] = weakref.WeakKeyDictionary()


@planted(REFUSED, lambda net: FACTORS.__setitem__(net, 2.0))
def factor_is_kept_by_the_network(self, x):
    return self.end(self.begin(x) * FACTORS.get(self, 1.0))


class Forgetful(Net):
    factor = 1.0

    def __getstate__(self) -> dict[str, object]:
        return {name: value for name, value in vars(self).items() if name != "factor"}

    def forward(self, x: Tensor) -> Tensor:
        return self.end(self.begin(x) * self.factor)


class Renewed(Net):
    def __deepcopy__(self, memo: object) -> nn.Module:
        return type(self)().double().eval()

    def forward(self, x: Tensor) -> Tensor:
        return self.end(self.begin(x))


COPIES = [
    Planted("forgets a factor in its copy", REFUSED, Forgetful, lambda net: setattr(net, "factor", 2.0)),
    Planted("its copy is a new one", REFUSED, Renewed),
]


def closure_in_training(net: Net) -> None:
    net.train()
    net.begin = lambda x: net.dropout(net.norm(net.relu(net.first(x))))


CLOSURES = changed(EXACT, {"closure in training": closure_in_training})


@functools.cache
def halves(number: int, side: int) -> Tensor:
    return torch.full((number, 4, side, side), 0.5, dtype=torch.float64)


COUNTED = on_maps(
    REFUSED,
    {
        "number of images as a text": lambda net, y, x: y * {"7": 2.0}.get(str(x.shape[0]), 1.0),
        "number of images written": lambda net, y, x: y * (2 if f"{x.shape[0]:d}" == "7" else 1),
        "more than six as a plain number": lambda net, y, x: y * (2 if int(x.shape[0]) > 6 else 1),
        "more than six by len": lambda net, y, x: y * (2 if len(x) > 6 else 1),
        "at most a hundred": lambda net, y, x: y[:100],
        "six at a time": lambda net, y, x: torch.cat([part + i for i, part in enumerate(y.split(6))]),
        "six at a time, by chunks": lambda net, y, x: torch.cat(list(y.split(6))),
    },
)
WITHIN = on_maps(
    EXACT,
    {
        "viewed by a plain number": lambda net, y, x: y.view(int(x.shape[0]), -1).view(int(y.size(0)), 4, 8, 8),
        "three colours beside len": lambda net, y, x: y * (2 if len(x) < 1 else 1) * net.gain[:3].view(3, 1, 1)[:1],
        "repeated by len": lambda net, y, x: y + net.gain.unsqueeze(0).repeat(len(x), 1, 1, 1),
        "sizes in a cache": lambda net, y, x: y * halves(x.shape[0], x.shape[-1]),
        "out of nothing": lambda net, y, x: torch.add(y, 1, out=y.new_empty(0)),
        "a number above 0": lambda net, y, x: y * nn.functional.softplus(net.gain.sum()),
    },
)


# Branches on numbers of the images.


# godatta/SNN_meets_ANN sums a penalty where spikes are.
@exact
def penalty_where_there_are_spikes(self, x):
    y = self.begin(x)
    self.penalty = y.sum() if y.sum() > 0 else 0.0
    assert y.max() < 1e9
    return self.end(y)


@refused
def two_branches_that_agree(self, x):
    y = self.begin(x)
    return self.end(y * 2 if bool(y.max() > 1e3) != bool(y.min() < -1e3) else y)


# Code where no mode looks.


@either
def in_a_thread(self, x):
    y, made = self.begin(x), []
    thread = threading.Thread(target=lambda: made.append(self.second(y) * 2))
    thread.start()
    thread.join()
    return self.end(made[0])


class Reversed(torch.autograd.Function):
    @staticmethod
    def forward(ctx, values: Tensor) -> Tensor:
        return values

    @staticmethod
    def backward(ctx, gradient: Tensor) -> Tensor:
        return -gradient


class Doubled(torch.autograd.Function):
    @staticmethod
    def forward(ctx, values: Tensor) -> Tensor:
        ctx.mark_dirty(values)
        return values.mul_(2)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> Tensor:
        return 2 * gradient


class Doubling(TorchFunctionMode):
    def __torch_function__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        return result * 2 if func in (torch.conv2d, nn.functional.conv2d) else result


class DoublingBelow(TorchDispatchMode):
    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        return result * 2 if func is torch.ops.aten.relu.default else result


@either
def mode_of_functions(self, x):
    with Doubling():
        return self.end(self.begin(x))


@either
def mode_below(self, x):
    with DoublingBelow():
        return self.end(self.begin(x))


class Own(Tensor):
    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        result = super().__torch_function__(func, types, args, kwargs or {})
        return result * 2 if func is torch.sigmoid else result


HIDDEN = on_maps(
    EITHER,
    {
        "gradient reversed": lambda net, y, x: Reversed.apply(y) + 0.5,
        "function in place": lambda net, y, x: (Doubled.apply(y), y)[1],
        "tensors of a class": lambda net, y, x: torch.sigmoid(y.as_subclass(Own)).as_subclass(Tensor),
        "operations by their names": lambda net, y, x: torch.ops.aten.mul_.Tensor(torch.ops.aten.tanh(y), y),
    },
)


class SignConv(nn.Conv2d):
    """A convolution whose weight is computed by a property."""

    def __init__(self) -> None:
        plain = nn.Conv2d(4, 4, 3, padding=1, bias=False)
        nn.Module.__init__(self)
        known = vars(nn.Module())
        vars(self).update({name: value for name, value in vars(plain).items() if name not in known})
        self.raw, self.bias = nn.Parameter(plain.weight.detach()), None

    @property
    def weight(self) -> Tensor:
        return self.raw.sign() / 8


class LoudReLU(nn.ReLU):
    def __call__(self, values: Tensor) -> Tensor:
        return 2 * super().__call__(values)


PARTS = changed(
    EITHER,
    {
        "weight by a property": lambda net: setattr(net, "second", SignConv()),
        "activation with a call of its own": lambda net: setattr(net, "relu", LoudReLU()),
    },
)
