"""Networks of unusual parts: own layers, hooks, weights that are computed, outputs, and contexts."""

from __future__ import annotations

import warnings
from typing import NamedTuple

import torch
from planted import Net, Verdict, changed, either, exact, planted, refused
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations, prune
from torch.utils.checkpoint import checkpoint

EXACT, EITHER = Verdict.EXACT, Verdict.EITHER


# weiaicunzai/pytorch-cifar100 makes its last ReLUs in forward.
@exact
def modules_made_in_forward(self, x):
    y = nn.ReLU(inplace=True)(self.first(x))
    y = nn.ReLU()(nn.Sequential(self.second, nn.Identity())(y) + y)
    return self.last(nn.Flatten()(nn.AvgPool2d(y.shape[-1])(y)))


@exact
def modules_called_twice(self, x):
    y = self.relu(self.second(self.begin(x)))
    return self.last(self.relu(self.second(y)).mean((2, 3)))


@exact
def weights_used_twice(self, x):
    y = F.conv2d(self.begin(x), self.second.weight, padding=1)
    z = F.linear(F.relu(self.second(y)).mean((2, 3)), self.last.weight, self.last.bias)
    return F.linear(z, self.last.weight.t())


@planted(EITHER, lambda net: setattr(net, "hidden", [nn.Conv2d(4, 4, 1).double()]))
def layer_in_a_plain_list(self, x):
    return self.end(self.hidden[0](self.begin(x)))


class HalvingConv(nn.Conv2d):
    def forward(self, values: Tensor) -> Tensor:
        return super().forward(values) * 0.5


class OddReLU(nn.ReLU):
    def forward(self, values: Tensor) -> Tensor:
        return 2 * values - 1


class NamedReLU(nn.ReLU):
    """An ordinary ReLU of another name."""


class DenseBlock(nn.Sequential):
    def forward(self, values: Tensor) -> Tensor:
        return torch.cat([values[:, :2], super().forward(values)[:, 2:]], 1)


class QuarterConv(nn.Conv2d):
    """A convolution that inherits `forward`, and changes what that calls."""

    def _conv_forward(self, values: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        return super()._conv_forward(values, weight / 4, bias)


class StandardConv(nn.Conv2d):
    """Weight standardisation, as joe-siyuan-qiao/WeightStandardization has it."""

    def forward(self, values: Tensor) -> Tensor:
        weight = self.weight - self.weight.mean((1, 2, 3), keepdim=True)
        weight = weight / (weight.flatten(1).std(1).view(-1, 1, 1, 1) + 1e-5)
        return F.conv2d(values, weight, self.bias, self.stride, self.padding)


def with_second(layer: nn.Module):
    """Return what puts a layer in the place of the second convolution."""
    return lambda net: setattr(net, "second", layer)


OWN_LAYERS = changed(
    EXACT,
    {
        "convolution that takes a quarter": with_second(QuarterConv(4, 4, 3, padding=1)),
        "convolution that halves": with_second(HalvingConv(4, 4, 3, padding=1)),
        "ReLU that is none": with_second(OddReLU()),
        "ReLU of another name": with_second(NamedReLU()),
        "sequence of its own forward": with_second(DenseBlock(nn.Conv2d(4, 4, 1), nn.ReLU(inplace=True))),
        "standardised convolution": with_second(StandardConv(4, 4, 3, padding=1)),
    },
)
OTHER_LAYERS = changed(
    EITHER,
    {
        "forward of an instance": lambda net: setattr(net.norm, "forward", lambda y: 2 * y),
        "norm of each image": with_second(nn.InstanceNorm2d(4)),
    },
)
NORM_OF_THE_BATCH = changed(
    Verdict.REFUSED,
    {"no running statistics": lambda net: setattr(net, "norm", nn.BatchNorm2d(4, track_running_stats=False).eval())},
)


def old_weight_norm(net: Net) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        nn.utils.weight_norm(net.second)


WEIGHTS = changed(
    EXACT,
    {
        "old weight norm": old_weight_norm,
        "weight norm": lambda net: parametrizations.weight_norm(net.second),
        "spectral norm": lambda net: (parametrizations.spectral_norm(net.second), net.eval()),
        "old spectral norm": lambda net: nn.utils.spectral_norm(net.second).eval(),
        "pruned": lambda net: prune.l1_unstructured(net.second, "weight", 0.5),
    },
)


@exact
def weights_computed_in_forward(self, x):
    rounded = torch.round(self.second.weight * 8) / 8
    y = F.conv2d(self.begin(x), rounded, self.second.bias, padding=1)
    return F.linear(F.relu(y).mean((2, 3)), F.softmax(self.last.weight, 1))


@either
def weights_computed_from_the_images(self, x):
    y = self.begin(x)
    b, c, h, w = y.shape
    kernels = (y.mean((2, 3)).view(b, c, 1, 1, 1) * self.second.weight.sum(0).view(1, c, 1, 3, 3)).view(b * c, 1, 3, 3)
    return self.end(F.conv2d(y.view(1, b * c, h, w), kernels, padding=1, groups=b * c).view(b, c, h, w))


@exact
def batch_norm_as_a_function(self, x):
    y = F.batch_norm(self.begin(x), self.norm.running_mean, self.norm.running_var, self.norm.weight, self.norm.bias)
    return self.end(y)


@refused
def batch_norm_of_the_batch(self, x):
    return self.end(F.batch_norm(self.begin(x), None, None, training=True))


@refused
def batch_norm_put_into_training(self, x):
    self.norm.train()
    return self.end(self.begin(x))


HOOKS_THAT_LOOK = changed(
    EXACT,
    {
        "hook that looks": lambda net: net.relu.register_forward_hook(lambda layer, given, output: None),
        "hook that gets keywords": lambda net: net.relu.register_forward_hook(
            lambda layer, given, named, output: None, with_kwargs=True
        ),
        "hook before that looks": lambda net: net.second.register_forward_pre_hook(lambda layer, given: None),
    },
)
HOOKS_THAT_CHANGE = changed(
    EITHER,
    {
        "hook that doubles": lambda net: net.relu.register_forward_hook(lambda layer, given, output: 2 * output),
        "hook on a convolution": lambda net: net.second.register_forward_hook(lambda layer, given, output: output + 1),
        "hook in place": lambda net: net.second.register_forward_hook(lambda layer, given, output: output.mul_(2)),
        "hook before": lambda net: net.relu.register_forward_pre_hook(lambda layer, given: (given[0] - 1,)),
        "hook on the whole": lambda net: net.register_forward_hook(lambda layer, given, output: output * 3),
        "hook before the whole": lambda net: net.register_forward_pre_hook(lambda layer, given: (given[0] / 2,)),
    },
)


# Outputs.


class Answer(NamedTuple):
    logits: Tensor
    features: Tensor


@exact
def several_outputs(self, x):
    y = self.begin(x)
    return self.end(y), [y, y.mean((2, 3))]


@exact
def outputs_by_name(self, x):
    y = self.begin(x)
    return {"out": self.end(y), "aux": self.end(2 * y) if self.training else None, "kind": "planted", "classes": 3}


@exact
def output_with_constants(self, x):
    y = self.begin(x)
    anchors = torch.arange(6.0, dtype=y.dtype, device=y.device).view(3, 2)
    return self.end(y), anchors, self.gain, y.shape[2:]


@exact
def named_tuple(self, x):
    y = self.begin(x)
    return Answer(logits=self.end(y), features=y)


@exact
def images_among_the_outputs(self, x):
    return self.end(self.begin(x)), x


@either
def images_alone(self, x):
    return x


@either
def number_of_images_among_the_outputs(self, x):
    return self.end(self.begin(x)), x.shape[0], x.shape


@refused
def one_number_for_the_batch(self, x):
    return self.end(self.begin(x)).mean()


@refused
def penalty_beside_the_output(self, x):
    y = self.begin(x)
    return self.end(y), y.abs().mean()


# Code that a graph of torch calls does not show.


class StraightThrough(torch.autograd.Function):
    @staticmethod
    def forward(ctx, values: Tensor) -> Tensor:
        return torch.where(values > 0.3, 1.0, 0.0).to(values.dtype)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> Tensor:
        return gradient


class LeanReLU(torch.autograd.Function):
    @staticmethod
    def forward(ctx, values: Tensor) -> Tensor:
        return values.relu()

    @staticmethod
    def backward(ctx, gradient: Tensor) -> Tensor:
        return gradient


@either
def straight_through(self, x):
    return self.end(StraightThrough.apply(self.begin(x)))


@either
def activation_of_its_own_gradient(self, x):
    return self.end(LeanReLU.apply(self.second(self.begin(x))))


def twice_plus_one(values: Tensor) -> Tensor:
    return torch.relu(values * 2 + 1)


with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    SCRIPTED = torch.jit.script(twice_plus_one)


@either
def scripted_function(self, x):
    return self.end(SCRIPTED(self.begin(x)))


@exact
def recomputed_in_backward(self, x):
    y = checkpoint(lambda z: F.relu(self.second(z)), self.begin(x), use_reentrant=False)
    return self.end(y)


@either
def functional_call(self, x):
    weights = {"weight": self.second.weight * 0.5, "bias": self.second.bias}
    return self.end(torch.func.functional_call(self.second, weights, (self.begin(x),)))


@either
def mapped_over_the_images(self, x):
    return self.end(torch.func.vmap(lambda y: y * y.sum())(self.begin(x)))


@either
def gradient_in_forward(self, x):
    with torch.enable_grad():
        y = self.begin(x.detach().requires_grad_())
        (slope,) = torch.autograd.grad((y**2).sum(), y)
    return self.end(slope.detach())


@either
def autocast(self, x):
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y = self.begin(x)
    return self.end(y.to(x.dtype))


@exact
def without_gradients(self, x):
    with torch.no_grad(), torch.profiler.record_function("features"):
        y = self.begin(x)
    return self.end(y)


@either
def inference_mode(self, x):
    with torch.inference_mode():
        y = self.begin(x)
    return self.end(y.clone())


@planted(EITHER, tolerance=1e-5)
def single_precision_inside(self, x):
    y = self.begin(x).float() * 0.5
    return self.end(y.double())


@planted(EITHER, tolerance=1e-2)
def half_precision_inside(self, x):
    return self.end(self.begin(x).to(torch.bfloat16).to(x.dtype))


@either
def complex_numbers(self, x):
    spectrum = torch.fft.rfft2(self.begin(x)) * torch.view_as_complex(torch.ones(4, 8, 5, 2, dtype=x.dtype))
    return self.end(torch.fft.irfft2(spectrum, s=(8, 8)))
