"""Networks that change tensors in place."""

from __future__ import annotations

import torch
from planted import Verdict, either, exact, on_maps, refused
from torch.nn import functional as F


# pytorch/executorch#11700, pytorch/pytorch#68301
@exact
def module_without_assignment(self, x):
    y = self.first(x)
    self.inplace(y)
    z = self.second(y)
    self.dropout(z)
    self.inplace(z)
    return self.last(z.mean((2, 3)))


@exact
def functions_without_assignment(self, x):
    y = self.first(x)
    F.relu(y, inplace=True)
    z = self.second(y)
    torch.relu_(z)
    F.relu_(z)
    F.dropout(z, 0.5, False, True)
    return self.last(z.mean((2, 3)))


@exact
def method_without_assignment(self, x):
    y = self.first(x)
    y.relu_()
    return self.end(y)


# The Xception of weiaicunzai/pytorch-cifar100: the residual is changed by the first ReLU of the block.
@exact
def residual_is_changed_by_the_block(self, x):
    y = self.first(x)
    block = self.second(self.inplace(y))
    return self.last(self.relu(block + y).mean((2, 3)))


@exact
def residual_is_changed_by_a_sequence(self, x):
    y = self.first(x)
    block = torch.nn.Sequential(self.inplace, self.second)
    return self.last(self.relu(block(y) + y).mean((2, 3)))


@exact
def two_names_of_one_tensor(self, x):
    y = z = self.first(x)
    y = self.inplace(y)
    return self.end(y + z)


@exact
def one_name_of_two_tensors(self, x):
    y = self.first(x)
    z = y.clone()
    self.inplace(y)
    return self.end(y + z)


@exact
def operators(self, x):
    y = self.begin(x)
    z = y
    y += self.second(y)
    y *= 0.5
    y -= 0.25
    y /= 1.5
    return self.end(y + z)


@exact
def sums_and_products(self, x):
    y = self.begin(x)
    z = self.second(y)
    z.add_(y, alpha=0.5)
    z.mul_(self.gain).sub_(0.1).div_(2).neg_()
    return self.end(z)


@exact
def images_are_normalised_in_place(self, x):
    x.sub_(0.5).div_(0.25)
    return self.end(self.begin(x))


@exact
def images_are_changed_and_used_again(self, x):
    y = self.begin(x)
    x *= 2
    return self.end(y + x.mean(1, keepdim=True))


@exact
def activation_of_the_images_in_place(self, x):
    y = self.first(self.inplace(x))
    return self.end(self.relu(y) + x.sum(1, keepdim=True))


# Aliases: what is changed is seen through another name.


@either
def view_is_changed(self, x):
    y = self.first(x)
    y[:, :2].relu_()
    return self.end(self.relu(y * 0.5))


@either
def flat_view_is_changed(self, x):
    y = self.first(x)
    flat = y.view(y.shape[0], -1)
    self.inplace(flat)
    return self.end(y)


@either
def view_is_read_after_its_base_has_changed(self, x):
    y = self.begin(x)
    part = y[:, :2]
    y.mul_(3)
    return self.end(torch.cat([part, y[:, 2:] / 3], 1))


@either
def flattened_without_a_copy(self, x):
    y = self.begin(x)
    flat = y.flatten(1)
    flat += 1
    return self.end(y)


@either
def contiguous_is_no_copy(self, x):
    y = self.begin(x)
    y.contiguous().mul_(2)
    return self.end(y.to(torch.float64).add_(y))


@either
def chunks_are_changed(self, x):
    a, b = self.first(x).chunk(2, 1)
    self.inplace(a)
    b.mul_(0.5)
    return self.end(torch.cat([a, b], 1))


@either
def chunks_are_changed_and_the_whole_is_read(self, x):
    y = self.first(x)
    a, _ = y.chunk(2, 1)
    self.inplace(a)
    return self.end(y)


@either
def detached_is_changed(self, x):
    y = self.begin(x)
    y.detach().mul_(0.5)
    y.data += 0.25
    return self.end(y)


@either
def transposed_is_changed(self, x):
    y = self.begin(x)
    y.permute(0, 2, 3, 1)[..., 0].zero_()
    return self.end(y)


@either
def chain_of_views(self, x):
    y = self.begin(x)
    y[:, 1:3][:, :1].unsqueeze(1).squeeze(1).mul_(4)
    return self.end(y)


# pytorch_resnet_cifar10 and U-Net fill what they have made.


@either
def slices_are_assigned(self, x):
    y, z = self.begin(x), self.second(x.repeat(1, 2, 1, 1))
    y[:, ::2] = z[:, ::2]
    return self.end(y)


@either
def result_is_filled(self, x):
    y = self.begin(x)
    out = torch.zeros_like(y)
    out[:, :2], out[:, 2:, 1:] = y[:, 2:], y[:, :2, :-1]
    return self.end(out)


@either
def longer_result_is_filled(self, x):
    y = self.begin(x)
    out = y.new_zeros(y.shape[0], 4, 10, 10)
    out[..., 1:-1, 1:-1] = y
    return self.end(out)


@either
def values_are_copied_into_another(self, x):
    y = self.begin(x)
    out = torch.empty_like(y)
    out.copy_(y)
    return self.end(out.add_(y))


@either
def out_argument(self, x):
    y = self.begin(x)
    out = torch.empty_like(y)
    torch.mul(y, 3, out=out)
    return self.end(out)


@either
def data_is_set(self, x):
    y = self.begin(x)
    y.data = 0.5 * y
    return self.end(y)


@either
def shape_is_changed_in_place(self, x):
    y = self.begin(x).mean((2, 3), keepdim=True)
    y.squeeze_(3).squeeze_(2)
    return self.last(y)


@either
def list_of_tensors_in_place(self, x):
    y = self.begin(x)
    torch._foreach_mul_([y], 0.5)
    return self.end(y)


@either
def memory_of_numpy(self, x):
    y = self.begin(x)
    y.numpy()[:, 0] = 0
    return self.end(y)


@refused
def one_image_is_changed(self, x):
    y = self.begin(x)
    y[0] = 0
    return self.end(y)


@refused
def every_second_image_is_changed(self, x):
    y = self.begin(x)
    y[::2].mul_(2)
    return self.end(y)


@refused
def index_put_over_the_batch(self, x):
    y = self.begin(x)
    y.index_put_((torch.tensor([0]),), torch.tensor(1.0, dtype=y.dtype))
    return self.end(y)


@refused
def summed_into_the_first_image(self, x):
    y = self.begin(x)
    y[:1] += y.sum(0, keepdim=True)
    return self.end(y)


METHODS = on_maps(
    Verdict.EITHER,
    {
        "clamp_": lambda net, y, x: y.clamp_(0.1, 0.8),
        "clamp_ not assigned": lambda net, y, x: (y.clamp_(max=0.5), y)[1],
        "masked_fill_": lambda net, y, x: (y.masked_fill_(y < 0.4, 0), y)[1],
        "mask assigned": lambda net, y, x: (y.__setitem__(y > 0.6, 0.6), y)[1],
        "index_fill_": lambda net, y, x: (y.index_fill_(1, torch.tensor([1, 3]), 0.0), y)[1],
        "index_copy_": lambda net, y, x: (y.index_copy_(1, torch.tensor([2]), x[:, :1]), y)[1],
        "index_add_": lambda net, y, x: (y.index_add_(1, torch.tensor([2, 2]), x), y)[1],
        "addcmul_": lambda net, y, x: (y.addcmul_(y, y, value=0.5), y)[1],
        "lerp_": lambda net, y, x: (y.lerp_(net.first(x), 0.25), y)[1],
        "pow_ and sqrt_": lambda net, y, x: (y.pow_(2).sqrt_(), y)[1],
        "sigmoid_": lambda net, y, x: (y.sigmoid_(), y)[1],
        "fill_ of a part": lambda net, y, x: (y[:, 1].fill_(0.5), y)[1],
        "threshold_": lambda net, y, x: (F.threshold_(y, 0.3, 0.0), y)[1],
    },
)
