"""Source networks small enough for a test, and what goes into them."""

from __future__ import annotations

import torch
from torch import Tensor, fx, nn

import sqnn
from sqnn.models import RetinaNet, RetinaNetConfig
from sqnn.neurons import QCFS

CLASSIFIERS = ("vgg11", "vgg16", "resnet18", "resnet20", "resnet34", "mobilenetv2", "vit")
NETWORKS = (*CLASSIFIERS, "retinanet")


class Tracer(fx.Tracer):
    """Trace a network down to PyTorch's layers and the quantised activations."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return isinstance(m, QCFS) or super().is_leaf_module(m, module_qualified_name)


def build(name: str, size: tuple[int, int] = (8, 8), **options) -> nn.Module:
    """A network of an eighth of the widths, three channels and five classes, unless the options say otherwise."""
    options = {"in_channels": 3, "image_size": size, "num_classes": 5, "width_multiplier": 0.125, **options}
    if name == "retinanet":
        return RetinaNet(RetinaNetConfig(**options))
    return sqnn.create_model(name, **options)


def batch(model: nn.Module, count: int = 4, seed: int = 0) -> Tensor:
    """Random images of the size and the precision that the network has."""
    shape = (count, model.config.in_channels, *model.config.image_size)
    dtype = next(model.parameters()).dtype
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def settled(model: nn.Module, steps: int = 3) -> nn.Module:
    """The network in evaluation, in double precision, its norms used to the images of `batch`."""
    model = model.double().train()
    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.momentum = 0.9
    with torch.no_grad():
        for step in range(steps):
            model(batch(model, 16, seed=step))
    return model.eval()


def numbers(output: Tensor | tuple[Tensor, ...]) -> Tensor:
    """All that a network says of each image, as one row."""
    parts = output if isinstance(output, tuple) else (output,)
    return torch.cat([part.flatten(1) for part in parts], dim=1)
