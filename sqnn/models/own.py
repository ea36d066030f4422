"""Networks of a user's own: any module from images to logits."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Mapping
from types import MappingProxyType

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from sqnn.core import Config, ConfigError, digest, no_exit, option, require, torch_numbers
from sqnn.models.base import Network

Make = Callable[[], nn.Module]
"""What a network of one's own is made by: a function without arguments, a class, or a network, which is its own."""
SEPARATOR = ":"
"""What the names of networks of one's own have, as in "my_networks:make", and those in MODELS have not."""
OWN_DEFAULTS: Mapping[str, str | float] = MappingProxyType({"learning_rate": 0.005})
"""Settings of a training that differ from `TrainingConfig` for networks of one's own."""
LOGITS = "logits [batch, classes], or [time, batch, classes] whose sum over time is the logits"


@dataclasses.dataclass(frozen=True, kw_only=True)
class OwnConfig(Config):
    """What is stored of a network that is none of MODELS: the images it was trained on, and no code.

    `layout` is the SHA-256 of the names and shapes of its weights and buffers.
    """

    in_channels: int | None = option(None, "channels of an image", least=1)
    image_size: tuple[int, int] | None = option(None, "height and width of an image in pixels", least=1)
    num_classes: int | None = option(None, "number of classes", least=2)
    layout: str = option(dataclasses.MISSING, "the digest of names and shapes of the weights")


def own_name(model: nn.Module) -> str:
    """Return the name under which a network of a user's own is stored: "module:Class"."""
    return f"{type(model).__module__}{SEPARATOR}{type(model).__qualname__}"


def factory_name(factory: object) -> str:
    """Return the name that is stored of what makes a network: "module:function"."""
    name = getattr(factory, "name", None)
    if isinstance(name, str):
        return name
    known = factory if hasattr(factory, "__qualname__") else type(factory)
    return f"{known.__module__}{SEPARATOR}{known.__qualname__}"  # type: ignore[attr-defined]


def layout_of(model: nn.Module) -> str:
    """Return the SHA-256 of the names and shapes of a network's weights and buffers; ConfigError where one has none."""
    for name, value in [*model.named_parameters(), *model.named_buffers()]:
        if is_lazy(value):
            raise ConfigError(f"model: got {name} without a shape yet, expected weights; call it once on some images")
    for name, value in model.state_dict().items():
        require(isinstance(value, Tensor), f"model: {name} in its state", value, "a tensor, which files can hold")
    return digest({name: list(value.shape) for name, value in model.state_dict().items()})


def make_own(make: object, seed: int, name: str, layout: str | None = None, argument: str = "model") -> nn.Module:
    """Make the network that was stored as `name`; ConfigError where it is none, or has weights of another layout.

    What it draws from torch's generators follows from `seed`.
    """
    require(callable(make), argument, make, "a function or a class that makes the network, without arguments")
    with torch_numbers(seed), no_exit(f"{argument}: {name}"):
        model = make if isinstance(make, nn.Module) else make()  # type: ignore[operator]
    require(isinstance(model, nn.Module), argument, model, "a function that returns a network (nn.Module)")
    if layout is not None and layout_of(model) != layout:
        raise ConfigError(
            f"{argument}: got {type(model).__name__} with weights of other names or shapes than {name} was stored "
            "with, expected the same network with the same options"
        )
    return model


def device_and_dtype(model: nn.Module) -> tuple[torch.device, torch.dtype]:
    """Return where a network is and what it computes in, by its first parameter or buffer of floating point."""
    tensors = (tensor for part in (model.parameters(), model.buffers()) for tensor in part)
    first = next((tensor for tensor in tensors if tensor.is_floating_point()), None)
    return (torch.device("cpu"), torch.get_default_dtype()) if first is None else (first.device, first.dtype)


place_of = device_and_dtype
"""The same, by its earlier name."""


def logits_of(model: nn.Module, images: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Return the logits [batch, classes] that any network gives for images [batch, channels, height, width].

    A `Network` of the package draws random numbers from `generator` alone; a module of another kind is given it where
    its forward takes an argument of that name, and images in its own precision. Of a tuple or list that it returns, the
    first member counts, as of (spikes, membranes); [time, batch, classes] are summed over time, which for spikes is the
    cross-entropy of their counts (Eshraghian et al., Proc. IEEE 111, 2023).

    Raises ConfigError where the output is anything else.
    """
    if isinstance(model, Network):
        return model(images, generator)  # type: ignore[no-any-return]
    images = images.to(device_and_dtype(model)[1])
    with no_exit("model: its forward"):
        output = model(images, generator=generator) if _takes_generator(model) else model(images)
    while isinstance(output, tuple | list) and output:
        output = output[0]
    if not isinstance(output, Tensor):
        raise ConfigError(f"model: got an output of type {type(output).__name__}, expected {LOGITS}; return those")
    batch, shape = len(images), list(output.shape)
    if output.ndim == 3 and shape[1] == batch and output.is_floating_point():
        return output.sum(0)
    if output.ndim != 2 or shape[0] != batch or not output.is_floating_point():
        raise ConfigError(
            f"model: got an output {shape} of {output.dtype} for {batch} images, expected {LOGITS}; "
            f"{_mend(output, batch)}"
        )
    return output


def _mend(output: Tensor, batch: int) -> str:
    """Say how an output of another shape or type becomes logits."""
    shape = list(output.shape)
    if (len(shape) == 2 and shape[0] == batch) or (len(shape) == 3 and shape[1] == batch):
        real = "output.real or output.abs()" if output.is_complex() else "output.float(), and leave out argmax"
        return f"logits are floating point numbers: return {real}"
    if len(shape) == 3 and shape[0] == batch:
        return "where its second dimension is time, return output.sum(1)"
    if len(shape) > 2 and shape[0] == batch:
        return "end with nn.Flatten(), or a pool and a nn.Linear(features, classes)"
    if len(shape) == 1:
        return "leave out squeeze(), and end with one output for each class"
    return f"keep the number of images, {batch} here, in every reshape: images.flatten(1)"


def _takes_generator(model: nn.Module) -> bool:
    try:
        return "generator" in inspect.signature(model.forward).parameters
    except (TypeError, ValueError):  # compiled code has none
        return False
