"""Networks by name."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Protocol, runtime_checkable

import torch
from torch import nn

from sqnn.core import Choices, ConfigError, brief
from sqnn.data import ImageData
from sqnn.encoding import FRAMES
from sqnn.models.base import ModelConfig, Network
from sqnn.models.baselines import SNNCNN, Logistic, TinyCNN
from sqnn.models.classical import VGG11, VGG16, MobileNetV2, ResNet18, ResNet20, ResNet34, VisionTransformer
from sqnn.models.has8 import HAS8VGG, HAS8ResNet
from sqnn.models.quantum_head import own_circuit
from sqnn.models.rivals import PPFQSNN, SerialSQNN
from sqnn.models.snn_mlp import SNNMLP
from sqnn.models.snn_wta import SNNWTA
from sqnn.models.sqdr_cnn import SQDRCNN, OwnCircuitSQDRCNN, SQDRCNNConfig
from sqnn.models.sqdr_separable import SQDRSeparable
from sqnn.models.twins import SQDRTwin

MODELS: Choices[type[Network]] = Choices(
    "model",
    {
        "sqdr-cnn": SQDRCNN,
        "sqdr-separable": SQDRSeparable,
        "has8-vgg": HAS8VGG,
        "has8-resnet": HAS8ResNet,
        "snn-mlp": SNNMLP,
        "snn-wta": SNNWTA,
        "vgg11": VGG11,
        "vgg16": VGG16,
        "resnet18": ResNet18,
        "resnet20": ResNet20,
        "resnet34": ResNet34,
        "mobilenetv2": MobileNetV2,
        "vit": VisionTransformer,
        "serial-sqnn": SerialSQNN,
        "ppf-qsnn": PPFQSNN,
        "sqdr-twin": SQDRTwin,
        "snn-cnn": SNNCNN,
        "tiny-cnn": TinyCNN,
        "logistic": Logistic,
    },
)


@runtime_checkable
class DataShape(Protocol):
    """What a model needs to know of the data; `sqnn.data.ImageData` has it."""

    @property
    def in_channels(self) -> int: ...
    @property
    def image_size(self) -> tuple[int, int]: ...
    @property
    def num_classes(self) -> int: ...


def model_class(name: str) -> type[Network]:
    """Return the class of the named network; ConfigError lists the known names."""
    return MODELS.pick(name, error=ConfigError)


@runtime_checkable
class HasNetwork(Protocol):
    """What holds a network as its `model`, as a training run does."""

    @property
    def model(self) -> nn.Module: ...


def network_of(model: nn.Module | HasNetwork) -> nn.Module:
    """Return the network that a training run holds, and anything else as it is."""
    return model.model if not isinstance(model, nn.Module) and isinstance(model, HasNetwork) else model


def require_network(model: object, argument: str = "model") -> nn.Module:
    """Return `model` if it is a network; ConfigError says where the network is to be had."""
    if isinstance(model, nn.Module):
        return model
    hint = "such as create_model gives"
    if isinstance(model, HasNetwork) and isinstance(model.model, nn.Module):
        hint = f"such as {type(model).__name__.lower()}.model"
    elif isinstance(model, os.PathLike) or (isinstance(model, str) and model not in MODELS and _like_a_path(model)):
        path = os.fspath(model)
        call = f"load_model({path!r})" if Path(path).suffix else f"Run.load({path!r}).model"
        hint = f"such as {call}"
    elif isinstance(model, str):
        hint = f"create_model({model!r}, data) gives one"
    raise ConfigError(f"{argument}: got {type(model).__name__}, expected a network; {hint}")


def _like_a_path(text: str) -> bool:
    return "/" in text or os.sep in text or text.endswith(".safetensors") or Path(text).exists()


def known_name(model: nn.Module) -> str | None:
    """Return the name under which `create_model` builds networks of this class; None for a class of no name."""
    return next((name for name, known in MODELS.items() if type(model) is known), None)


def shown_name(model: nn.Module) -> str:
    """Return the name of a network as it is told: that of `create_model`, or that of its class."""
    return known_name(model) or type(model).__name__


def model_name(model: nn.Module) -> str:
    """Return the name under which `create_model` builds networks of this class; ConfigError where it has none."""
    name = known_name(require_network(model))
    if name is None:
        raise ConfigError(f"model: {type(model).__name__} is not one of {', '.join(MODELS)}")
    return name


def create_model(
    name: str,
    data: DataShape | None = None,
    *,
    seed: int = 0,
    circuit: object = None,
    **options: object,
) -> Network:
    """Build the network called `name`, its input and output sized by `data`, its weights drawn from `seed`.

    `options` are fields of the network's configuration. `circuit`, a `circuits.QuantumLayer` or `ReuploadLayer`, takes
    the place of the circuit of an sqdr-cnn: see `OwnCircuitSQDRCNN`. Raises ConfigError on an unknown name, an unknown
    option or a value that builds no network.
    """
    config_class = model_class(name).config_class
    if data is not None:
        if not isinstance(data, DataShape):
            raise ConfigError(f"data: got {type(data).__name__}, expected an ImageData, such as load_data returns")
        shape: dict[str, object] = {
            "in_channels": data.in_channels,
            "image_size": data.image_size,
            "num_classes": data.num_classes,
        }
        shape |= _recordings(name, config_class, data, options)
        for field in shape.keys() & options.keys():
            raise ConfigError(
                f"{field}: is taken from the data ({shape[field]}), got {brief(options[field])} beside it"
            )
        options = {**shape, **options}
    _check_owner(name, options)
    if circuit is not None:
        return _with_own_circuit(name, circuit, seed, options)
    return build(name, config_class.from_dict(options), seed=seed)


def _with_own_circuit(name: str, circuit: object, seed: int, options: Mapping[str, object]) -> Network:
    if model_class(name) is not SQDRCNN:
        raise ConfigError(f"circuit: got {type(circuit).__name__} for {name}, expected it for sqdr-cnn")
    layer = own_circuit(circuit, options)
    config = SQDRCNNConfig.from_dict({**options, "n_qubits": layer.n_outputs})
    with torch.random.fork_rng(devices=[]):
        return OwnCircuitSQDRCNN(config, layer, torch.Generator().manual_seed(seed))


def _recordings(
    name: str, config_class: type[ModelConfig], data: DataShape, options: dict[str, object]
) -> dict[str, object]:
    """Return the options that recordings settle; ConfigError where the network takes none, or expects some."""
    timesteps = data.timesteps if isinstance(data, ImageData) else None
    if timesteps is None:
        if isinstance(data, ImageData) and options.get("encoding") == FRAMES:
            raise ConfigError(f"encoding: got {FRAMES!r} for the images of {data.name}, expected recordings of events")
        return {}
    if not config_class.takes_recordings:
        takers = [known for known in MODELS if MODELS[known].config_class.takes_recordings]
        raise ConfigError(
            f"data: got recordings of {timesteps} frames, which {name} does not take, expected a network that does: "
            f"{', '.join(takers)} or one of your own"
        )
    settled: dict[str, object] = {"encoding": FRAMES, "timesteps": timesteps}
    return {field: value for field, value in settled.items() if options.get(field) != value}


def _check_owner(name: str, options: Iterable[str]) -> None:
    """Raise ConfigError naming the first option that belongs to other networks than `name`, and to which."""
    fields = {model: [field.name for field in dataclasses.fields(MODELS[model].config_class)] for model in MODELS}
    for field in options:
        owners = [model for model, known in fields.items() if field in known]
        if owners and name not in owners:
            raise ConfigError(
                f"{field}: is an option of {', '.join(owners)}, and {name} has none such; it has "
                f"{', '.join(known for known in fields[name] if known not in ModelConfig.data_fields)}"
            )


def build(name: str, config: ModelConfig, *, seed: int = 0) -> Network:
    """Build the network called `name` from its configuration, weights drawn from `seed`."""
    # PyTorch's layers draw weights as they are made, which ours replace: the global generator is put back.
    with torch.random.fork_rng(devices=[]):
        return model_class(name)(config, torch.Generator().manual_seed(seed))
