"""Networks that mix the images of a batch, that compute with sizes, and that branch on the images."""

from __future__ import annotations

import copy
import math

import numpy as np
import torch
from planted import Verdict, either, exact, on_features, on_maps, refused
from torch import nn
from torch.nn import functional as F

MIXED_MAPS = on_maps(
    Verdict.REFUSED,
    {
        "mean over everything": lambda net, y, x: y - y.mean(),
        "largest of all": lambda net, y, x: y / (1 + x.max()),
        "mean over the batch": lambda net, y, x: y - y.mean(0),
        "mean over dimension -4": lambda net, y, x: y - y.mean(-4, keepdim=True),
        "variance over the batch": lambda net, y, x: y / (1 + y.var((0, 2, 3), keepdim=True, unbiased=False)),
        "first images": lambda net, y, x: y + y[:1],
        "first image": lambda net, y, x: y + y[0],
        "last image": lambda net, y, x: y - y[-1:],
        "every second image": lambda net, y, x: y[::2],
        "without the first": lambda net, y, x: y[1:],
        "batch flipped": lambda net, y, x: y + y.flip(0),
        "batch flipped, dimension -4": lambda net, y, x: y + torch.flip(y, (-4,)),
        "batch rolled": lambda net, y, x: y + torch.roll(y, 1, 0),
        "all rolled": lambda net, y, x: y + torch.roll(y, 1),
        "joined along -4": lambda net, y, x: torch.cat([y, y * 2], dim=-4)[1 : len(y) + 1],
        "batch doubled": lambda net, y, x: y.repeat(2, 1, 1, 1),
        "sum up to here": lambda net, y, x: y.cumsum(0),
        "halves of the batch": lambda net, y, x: y + y.reshape(y.shape[0] * 2, 2, 8, 8).mean(0).repeat(2, 1, 1),
        "pairs of images": lambda net, y, x: y.reshape(-1, 8, 8, 8)[:, :4],
        "softmax over the batch": lambda net, y, x: y * torch.softmax(y, 0),
        "first expanded": lambda net, y, x: y * y[:1].expand_as(y),
        "times their number": lambda net, y, x: y * y.shape[0],
        "divided by len": lambda net, y, x: y / len(x),
        "times all numbers": lambda net, y, x: y * x.numel() / 512,
        "more than four": lambda net, y, x: y * 2 if x.shape[0] > 4 else y,
        "a single one": lambda net, y, x: y.squeeze(0).unsqueeze(0) * 2 if len(x) == 1 else y,
        "more than four by len": lambda net, y, x: y * 2 if len(y) > 4 else y,
        "three, as many as are traced": lambda net, y, x: y * 2 if x.shape[0] == 3 else y,
        "an odd number": lambda net, y, x: y * 2 if x.size(0) % 2 else y,
        "the number as a float": lambda net, y, x: y + 0.1 * float(x.shape[0]),
        "grid over the batch": lambda net, y, x: y + torch.arange(y.shape[0]).view(-1, 1, 1, 1),
        "number of the example written": lambda net, y, x: y.view(4, 4, 8, 8),
        "batch as channels": lambda net, y, x: y + y.transpose(0, 1).sum(0).sum(0),
        "largest so far": lambda net, y, x: y.cummax(0)[0],
        "sorted over the batch": lambda net, y, x: y.sort(dim=0)[0],
        "normalised over the batch": lambda net, y, x: F.normalize(y, dim=0),
        "padded over the batch": lambda net, y, x: F.pad(y, (0, 0, 0, 0, 0, 0, 1, 0))[:-1],
    },
)

MIXED_FEATURES = on_features(
    Verdict.REFUSED,
    {
        "mean(-2) of features": lambda net, z, x: z - z.mean(-2, keepdim=True),
        "softmax(-2) of features": lambda net, z, x: torch.softmax(z, -2),
        "Softmax(0) as a module": lambda net, z, x: nn.Softmax(0)(z),
        "similarity of images": lambda net, z, x: (z @ z.T) @ z,
        "similarity by einsum": lambda net, z, x: torch.einsum("ij,kj,kl->il", z, z, z),
        "distances between images": lambda net, z, x: z * torch.cdist(z, z).sum(1, keepdim=True),
        "attention between images": lambda net, z, x: F.scaled_dot_product_attention(z[None], z[None], z[None])[0],
        "norm of the batch": lambda net, z, x: z / torch.linalg.norm(z),
        "ranks in the batch": lambda net, z, x: z.argsort(0).to(z.dtype),
        "layer norm of everything": lambda net, z, x: F.layer_norm(z, tuple(z.shape)),
        "batch as a sequence": lambda net, z, x: F.avg_pool1d(z.T, 3, 1, 1).T,
    },
)

WITHIN_IMAGES = on_maps(
    Verdict.EXACT,
    {
        "pooled by its size": lambda net, y, x: F.avg_pool2d(y, y.size()[3]).expand(-1, -1, 8, 8) + y,
        "pooled by its sizes": lambda net, y, x: y * F.avg_pool2d(y, y.shape[2:]),
        "squeezed and excited": lambda net, y, x: (
            y * torch.sigmoid(y.mean((2, 3))).view(y.size(0), y.size(1), 1, 1).expand_as(y)
        ),
        "half of the channels": lambda net, y, x: torch.cat([y[:, y.size(1) // 2 :], y[:, : y.size(1) // 2]], 1),
        "channels shuffled": lambda net, y, x: (
            y.view(y.size(0), 2, y.size(1) // 2, 8, 8).transpose(1, 2).contiguous().view(y.size(0), -1, 8, 8)
        ),
        "roots of sizes": lambda net, y, x: y / math.sqrt(y.shape[2] * y.shape[3]) * y.shape[1] ** 0.5,
        "sums divided by sizes": lambda net, y, x: y + y.sum((2, 3), keepdim=True) / (y.shape[-1] * y.shape[-2]),
        "sizes by a loop": lambda net, y, x: y.view(-1, math.prod(x.size()[1:]) * 2).view(y.size(0), -1, 8, 8),
        "even sides": lambda net, y, x: F.interpolate(
            y[..., ::2, ::2] if y.shape[-1] % 2 == 0 else y, size=x.shape[2:]
        ),
        "space to depth": lambda net, y, x: (
            y.reshape(len(y), 4, 4, 2, 4, 2).permute(0, 1, 3, 5, 2, 4).reshape(len(y), 16, 4, 4)[:, ::4]
        ),
        "asserted sizes": lambda net, y, x: y if y.shape[1:] == (4, 8, 8) and x.shape[-1] == 8 else y[:, :1],
        "negative dimensions": lambda net, y, x: y - y.mean(-1, keepdim=True) + y.sum((-2, -3), keepdim=True) / 9,
        "nothing happens": lambda net, y, x: y.detach().clone().contiguous().type_as(x).to(x).to(x.dtype).double(),
        "flipped and rolled": lambda net, y, x: torch.roll(y.flip(-1), (1, 2), (-2, -1)) - y.flip((1, 2)).neg(),
        "stacked": lambda net, y, x: torch.stack([y, 2 * y], -4).sum(1) + torch.stack([y, -y], 2).unbind(2)[0],
        "padded channels": lambda net, y, x: F.pad(y[:, :2], (0, 0, 0, 0, 1, 1)),
        "padded with zeros made here": lambda net, y, x: torch.cat(
            [y[:, :2], torch.zeros(y.shape[0], 2, 8, 8).to(y)], 1
        ),
        "zeros of its own": lambda net, y, x: (
            torch.cat([y.new_zeros(len(y), 1, 8, 8), torch.zeros_like(y)[:, 1:]], 1) + y
        ),
        "constants made here": lambda net, y, x: (
            y + torch.arange(8).to(y) + torch.eye(8, dtype=y.dtype, device=y.device)
        ),
        "token for each image": lambda net, y, x: y + net.gain.expand(y.shape[0], -1, -1, -1),
        "token repeated": lambda net, y, x: y * net.gain.unsqueeze(0).repeat(x.shape[0], 1, 1, 1),
        "channels by a list": lambda net, y, x: y[:, [2, 0, 3, 1]] + y[:, torch.tensor([1, 1, 0, 0])],
        "last place": lambda net, y, x: y + y[..., -1:] + y[:, :, 0, 0][:, :, None, None],
        "max pool": lambda net, y, x: F.interpolate(F.max_pool2d(y, 2), scale_factor=2.0),
        "text of a size": lambda net, y, x: y if f"{tuple(y.shape[1:])}" == "(4, 8, 8)" else y * 2,
    },
)

DEBATABLE = on_maps(
    Verdict.EITHER,
    {
        "whole number of images": lambda net, y, x: y.flatten(1).view(int(y.shape[0]), 4, 8, 8),
        "numbers per image": lambda net, y, x: y.view(y.size(0), y.numel() // y.size(0)).view(y.shape),
        "all dimensions squeezed": lambda net, y, x: y.mean((2, 3), keepdim=True).squeeze()[..., None, None] + y,
        "each image alone": lambda net, y, x: torch.stack([image * image.mean() for image in y]),
        "range of the batch": lambda net, y, x: torch.cat([y[i : i + 1] * 2 for i in range(x.shape[0])]),
        "unbound": lambda net, y, x: torch.stack(y.unbind(0)),
        "split in two and joined": lambda net, y, x: torch.cat(y.chunk(2), 0),
        "stacked in front": lambda net, y, x: torch.stack([y, 3 * y]).mean(0),
        "batch at the end": lambda net, y, x: (y.permute(1, 2, 3, 0) * 2).permute(3, 0, 1, 2),
        "batch in the middle": lambda net, y, x: F.relu(y.transpose(0, 1) - 0.2).transpose(0, 1),
        "a dimension in front": lambda net, y, x: y[None].squeeze(0) + y.unsqueeze(0)[0],
        "channels folded into the batch": lambda net, y, x: F.relu(y.reshape(-1, 1, 8, 8) - 0.2).reshape(-1, 4, 8, 8),
        "groups folded into the batch": lambda net, y, x: F.avg_pool2d(
            y.reshape(y.shape[0] * 2, 2, 8, 8), 3, 1, 1
        ).reshape(y.shape),
        "each image twice": lambda net, y, x: y.repeat_interleave(2, 0).view(-1, 2, 4, 8, 8).sum(1),
        "indexed by all of them": lambda net, y, x: y[torch.arange(len(y))],
        "flipped twice": lambda net, y, x: y.flip(0).flip(0),
        "sorted and back": lambda net, y, x: y.roll(1, 0).roll(-1, 0),
        "mean that cancels": lambda net, y, x: y + 0 * y.mean(),
        "where": lambda net, y, x: torch.where(y > 0.5, y, 0.1 * y),
        "step function": lambda net, y, x: y * (y > 0.4),
        "gate of each image": lambda net, y, x: y * (y.mean((1, 2, 3), keepdim=True) > 0.33),
        "largest of each image": lambda net, y, x: y / (1 + y.amax((1, 2, 3), keepdim=True)),
        "winners": lambda net, y, x: y * (y >= y.flatten(2).topk(5, -1).values[..., -1:].unsqueeze(-1)),
        "sorted within": lambda net, y, x: y.sort(-1)[0] + y.cumsum(2),
        "positive part": lambda net, y, x: (y - 0.3).clamp(min=0) + torch.maximum(y, 0.2 * y),
        "deep copy": lambda net, y, x: copy.deepcopy(y) + y,
        "another view of its memory": lambda net, y, x: torch.as_strided(y, (len(y), 4, 8, 8), (256, 64, 1, 8)),
        "memory given on": lambda net, y, x: torch.from_dlpack(y.detach()) * 2,
        "moving average of text": lambda net, y, x: y if "nan" not in repr(y) else y * 0,
        "as an array": lambda net, y, x: y + torch.from_numpy(np.asarray(y.detach()).copy()),
        "asserted to be finite": lambda net, y, x: y if torch.isfinite(y).all() else y * 0,
        "product over channels by einsum": lambda net, y, x: (
            torch.einsum("bchw,dc->bdhw", y, net.last.weight)[:, :1] + y
        ),
        "unfolded": lambda net, y, x: F.fold(F.unfold(y, 3, padding=1), (8, 8), 3, padding=1),
    },
)

BRANCHES = on_maps(
    Verdict.REFUSED,
    {
        "branch on a sum": lambda net, y, x: y * 2 if x.sum() > 0 else y,
        "branch on a mean": lambda net, y, x: y if y.mean() > 0.335 else -y,
        "branch that is seldom taken": lambda net, y, x: y if y.max() < 1e3 else y / y.max(),
        "item": lambda net, y, x: y * y.mean().item(),
        "float of a tensor": lambda net, y, x: y * float(y.max()),
        "int of a tensor": lambda net, y, x: y * int(y.sum()),
        "list of numbers": lambda net, y, x: y * max(y.flatten().tolist()),
        "array": lambda net, y, x: y * float(np.linalg.norm(y.detach().numpy())),
        "range of a number": lambda net, y, x: sum((y for _ in range(int(y.mean() * 100))), y),
        "nonzero": lambda net, y, x: y * len(y.nonzero()),
        "count of large ones": lambda net, y, x: y * torch.count_nonzero(y > 0.5) / 100,
        "boolean mask": lambda net, y, x: y - y[y > 0].mean(),
        "where by the sum": lambda net, y, x: torch.where(y.sum() > 100, y, 2 * y),
        "any": lambda net, y, x: y * 2 if (y > 2.7).any() else y,
        "equal": lambda net, y, x: y if torch.equal(y[..., :1], y[..., 1:2]) else y * 2,
        "close": lambda net, y, x: y if torch.allclose(y, y.flip(0)) else y * 2,
        "index by the largest": lambda net, y, x: y * y[:, :, 0, int(y[0, 0, 0].argmax())][..., None, None],
        "images that pass": lambda net, y, x: y[y.mean((1, 2, 3)) > 0.33],
    },
)


@refused
def loop_until_small(self, x):
    y = self.begin(x)
    while y.norm() > 4:
        y = y / 2
    return self.end(y)


@refused
def early_exit(self, x):
    y = self.begin(x)
    early = self.last(y.mean((2, 3)))
    return early if early.softmax(1).max() > 0.82 else self.end(y)


@refused
def number_kept_from_an_earlier_call(self, x):
    y = self.begin(x)
    if not hasattr(self, "largest"):
        self.largest = y.max()
    return self.end(y / self.largest)


@exact
def head_by_sizes(self, x):
    y = self.begin(x)
    b, c, h, w = y.shape
    z = F.relu(self.second(y)).view(b, c, h * w).transpose(1, 2).reshape(b, h * w, c).sum(1) / (h * w)
    return self.last(z.view(b, -1))


@exact
def attention_within_images(self, x):
    y = self.begin(x).flatten(2).transpose(1, 2)
    weights = torch.softmax(y @ y.transpose(-2, -1) / y.shape[-1] ** 0.5, dim=-1)
    return self.last((weights @ y).mean(1))


@either
def logits_of_features_squeezed(self, x):
    return self.last(F.adaptive_avg_pool2d(self.begin(x), 1).squeeze())


@either
def sequence_first(self, x):
    y = self.begin(x).flatten(2).permute(2, 0, 1)
    return self.last(F.relu(y * 2 - 1).mean(0))
