"""Networks with the branches, the state and the randomness that Python code has."""

from __future__ import annotations

import functools
import os
import random
import time
from types import SimpleNamespace

import numpy as np
import torch
from planted import Net, Verdict, either, exact, planted, refused
from torch import Tensor, nn
from torch.nn import functional as F

GLOBAL_SCALE = torch.tensor(0.5, dtype=torch.float64)
WORLD = SimpleNamespace(wide=True, calls=0, generator=torch.Generator().manual_seed(0))


# pytorch/pytorch#50178; Megvii YOLOX: forward(x, targets=None)
@exact
def argument_left_out(self, x, exit_at=None):
    y = self.begin(x)
    return self.end(y) if exit_at is None else self.last(y.mean((2, 3)))


@exact
def flag_and_number_with_defaults(self, x, return_features: bool = False, scale: float = 0.5):
    y = self.begin(x) * scale
    return (self.end(y), y) if return_features else self.end(y)


@exact
def keywords_only(self, x, *, shift: float = 0.25, mode: str = "wide"):
    y = self.begin(x) + shift
    return self.end(y * 2 if mode == "wide" else y)


@exact
def more_arguments(self, x, *rest, **options):
    y = self.begin(x)
    return self.end(y * 2 if rest or options.get("doubled") else y)


@exact
def images_among_any_arguments(self, *inputs):
    (x,) = inputs
    return self.end(self.begin(x))


@exact
def images_with_a_default(self, x: Tensor | None = None, mask: Tensor | None = None):
    x = torch.zeros(1, 2, 8, 8) if x is None else x
    return self.end(self.begin(x if mask is None else x * mask))


@exact
def list_or_tensor(self, x):
    x = torch.cat(x, 1) if isinstance(x, list | tuple) else x
    return self.end(self.begin(x))


@exact
def tensor_or_not(self, x):
    if not isinstance(x, Tensor) or not torch.is_tensor(x) or not torch.is_floating_point(x):
        return self.last(torch.zeros(1, 4))
    return self.end(self.begin(x))


@exact
def type_of_the_values(self, x):
    y = self.begin(x)
    return self.end(y * 2 if type(y) is Tensor else y)


@exact
def precision_and_device(self, x):
    y = self.begin(x.cuda() if x.is_cuda else x)
    y = y * 2 if x.dtype == torch.float64 and y.device.type == "cpu" else y
    return self.end(y.to(device=x.device, dtype=x.dtype))


@exact
def rank(self, x):
    x = x.unsqueeze(0) if x.dim() == 3 or x.ndim == 2 else x
    return self.end(self.begin(x))


@exact
def asks_whether_it_is_traced(self, x):
    traced = torch.jit.is_tracing() or torch.jit.is_scripting() or torch.compiler.is_compiling()
    return self.end(self.begin(x) * (2 if traced else 1))


@exact
def attempts(self, x):
    y = self.begin(x)
    try:
        y = y.no_such_method()
    except AttributeError:
        y = y * 2
    return self.end(y.missing if hasattr(y, "missing") else y)


@either
def order_of_memory(self, x):
    y = self.begin(x)
    return self.end(y * 2 if y.is_contiguous() and y.stride(1) == 64 else y)


@exact
def modules_by_name(self, x):
    for name in ("first", "relu", "second", "inplace"):
        x = getattr(self, name)(x)
    return self.last(x.mean((2, 3)))


@exact
def activations_in_a_table(self, x):
    acts = {"partial": functools.partial(F.relu, inplace=True), "lambda": lambda y: torch.relu(y)}
    return self.last(acts["lambda"](self.second(acts["partial"](self.first(x)))).mean((2, 3)))


@exact
def branches_on_training(self, x):
    y = self.begin(x)
    y = y * torch.bernoulli(torch.full_like(y, 0.5)) if self.training else y
    return self.end(F.dropout(y, 0.3, self.training))


@planted(Verdict.EXACT, Net.train)
def given_in_training(self, x):
    return self.end(self.dropout(self.norm(self.begin(x))))


# State that a call leaves in the network.


@planted(Verdict.EXACT, lambda net: setattr(net, "calls", 0))
def calls_are_counted(self, x):
    self.calls += 1
    return self.end(self.begin(x))


@planted(Verdict.REFUSED, lambda net: setattr(net, "calls", 0))
def calls_are_counted_and_matter(self, x):
    self.calls += 1
    return self.end(self.begin(x) * self.calls)


@planted(Verdict.REFUSED, lambda net: setattr(net, "calls", 0))
def third_call_differs(self, x):
    self.calls += 1
    return self.end(self.begin(x) * (1 + self.calls // 3))


@exact
def features_are_kept(self, x):
    self.features = self.begin(x)
    self.seen = [*getattr(self, "seen", []), tuple(x.shape[1:])]
    return self.end(self.features)


@refused
def features_before_are_used(self, x):
    y = self.begin(x)
    before, self.before = getattr(self, "before", None), y
    return self.end(y if before is None or before.shape != y.shape else y + 0.5 * before)


@refused
def membrane_is_kept(self, x):
    y = self.begin(x)
    membrane = getattr(self, "membrane", None)
    self.membrane = y if membrane is None or membrane.shape != y.shape else 0.5 * membrane + y
    return self.end(self.membrane)


@planted(Verdict.EXACT, lambda net: net.register_buffer("seen", torch.zeros(())))
def buffer_counts_calls(self, x):
    self.seen += 1
    return self.end(self.begin(x))


@planted(Verdict.REFUSED, lambda net: net.register_buffer("average", torch.zeros(4, 1, 1)))
def buffer_follows_the_images(self, x):
    y = self.begin(x)
    self.average.mul_(0.9).add_(0.1 * y.mean((0, 2, 3)).view(4, 1, 1))
    return self.end(y - self.average)


@planted(Verdict.REFUSED, lambda net: setattr(net, "odd", False))
def flag_is_turned(self, x):
    self.odd = not self.odd
    return self.end(self.begin(x) * (2 if self.odd else 1))


@exact
def grid_is_kept(self, x):
    grid = getattr(self, "grid", None)
    if grid is None or grid.shape[-1] != x.shape[-1]:
        self.grid = torch.linspace(0, 1, x.shape[-1], dtype=x.dtype, device=x.device)
    return self.end(self.begin(x) + self.grid)


@either
def layer_is_made_at_the_first_call(self, x):
    if not hasattr(self, "late"):
        self.late = nn.Conv2d(4, 4, 1).double()
    return self.end(self.late(self.begin(x)))


@planted(Verdict.REFUSED, lambda net: setattr(net, "spare", nn.Conv2d(4, 4, 3, padding=1)))
def layers_change_places(self, x):
    self.second, self.spare = self.spare, self.second
    return self.end(self.begin(x))


@exact
def activation_is_replaced_by_an_equal_one(self, x):
    self.relu = nn.ReLU()
    return self.end(self.begin(x))


@exact
def settings_of_many_kinds(self, x):
    y = self.begin(x) * (2 if WORLD.wide else 1) * GLOBAL_SCALE
    y = y - y.mean(0) if getattr(self, "mixing", False) else y
    return self.end(y / 2 if os.environ.get("HALF_OF_A_PLANTED_NETWORK", "0") == "1" else y)


@refused
def global_counter(self, x):
    WORLD.calls += 1
    return self.end(self.begin(x) + 0.1 * WORLD.calls)


@refused
def time_of_day(self, x):
    return self.end(self.begin(x) * (1 + time.perf_counter() % 1))


# Randomness in evaluation.


@refused
def noise_like(self, x):
    y = self.begin(x)
    return self.end(y + 0.1 * torch.rand_like(y))


@refused
def noise_of_its_own_generator(self, x):
    return self.end(self.begin(x) + 0.1 * torch.randn(4, 8, 8, generator=WORLD.generator, dtype=x.dtype))


@refused
def noise_of_numpy(self, x):
    return self.end(self.begin(x) * float(np.random.default_rng().normal()))


@refused
def noise_of_python(self, x):
    return self.end(self.begin(x) + random.random())


@refused
def noise_in_place(self, x):
    y = self.begin(x)
    y.add_(torch.empty(1, 4, 8, 8, dtype=y.dtype).normal_())
    return self.end(y)


@refused
def noise_on_weights(self, x):
    return self.end(F.conv2d(self.begin(x), self.second.weight + 0.1 * torch.randn(4, 4, 3, 3), padding=1))


@refused
def dropout_in_evaluation(self, x):
    return self.end(F.dropout(self.begin(x), 0.3))


@refused
def dropout_module_put_into_training(self, x):
    self.dropout.train()
    return self.end(self.dropout(self.begin(x)))


@refused
def bernoulli(self, x):
    return self.end(self.begin(x) * torch.bernoulli(torch.full((4, 1, 1), 0.5, dtype=x.dtype)))


@refused
def blocks_are_skipped_at_random(self, x):
    y = self.begin(x)
    return self.end(y if random.random() < 0.5 else F.relu(self.second(y)))


@refused
def blocks_are_seldom_skipped(self, x):
    y = self.begin(x)
    return self.end(y if np.random.random() < 1e-6 else F.relu(self.second(y)))  # noqa: NPY002


@refused
def channels_at_random(self, x):
    return self.end(self.begin(x)[:, torch.randperm(4)])


@refused
def layer_with_new_weights(self, x):
    return self.end(nn.Conv2d(4, 4, 1, dtype=x.dtype)(self.begin(x)))


@refused
def layer_with_new_weights_alone(self, x):
    return self.end(nn.Conv2d(4, 4, 1, bias=False, dtype=x.dtype)(self.begin(x)))


@either
def part_of_as_many_as_there_are(self, x):
    return self.end(self.begin(x)[: int(x.shape[0])])


@either
def part_from_the_end(self, x):
    return self.end(self.begin(x)[-x.shape[0] :])


@exact
def calls_by_name(self, x):
    return self.last(self.relu(input=self.first(input=x)).mean(dim=(2, 3)))


@exact
def setting_of_an_activation_is_read(self, x):
    return self.last(self.begin(x).mean((2, 3)) * (1 if self.relu.inplace else 2))


@exact
def activations_of_a_parameter(self, x):
    y = self.begin(x) + F.relu(self.gain)
    return self.last(F.linear(y.mean((2, 3)), F.relu(self.second.weight[..., 0, 0])))


@exact
def spikes_are_a_bias(self, x):
    z = self.begin(x).mean((2, 3))
    return self.last(F.linear(z, self.second.weight[..., 0, 0], z))


@exact
@torch.inference_mode()
def inference_mode_and_changes_in_place(self, x):
    y = self.begin(x)
    y += 1
    y.mul_(0.5).requires_grad_(False)
    return self.end(y)


@either
@torch.inference_mode()
def inference_mode_and_a_view(self, x):
    y = self.begin(x)
    part = y[:, :2]
    self.inplace(part.sub_(0.5))
    return self.end(y)


@either
def random_numbers_that_are_not_used(self, x):
    torch.rand(3)
    return self.end(self.begin(x))


@either
def random_numbers_of_a_fixed_seed(self, x):
    drawn = torch.randn(4, 8, 8, generator=torch.Generator().manual_seed(3), dtype=x.dtype)
    return self.end(self.begin(x) + drawn)
