"""A converted network in one file: the weights of its source, and in the header how it was converted.

Nothing of a graph is stored: loading builds the source from its name and configuration, or a user's own one by the
function that is given again, and converts it again.
"""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import safetensors.torch
import torch
from torch import Tensor, fx, nn
from torch.utils._pytree import tree_leaves

from sqnn.conversion.codes import Conversion, plane_code, rate_code
from sqnn.conversion.convert import build, common_timesteps, fold, learned_thresholds
from sqnn.conversion.graph import CHECKED, TRACED, Plan, Role, plan, role_of, site_name, trace
from sqnn.conversion.network import SpikingNetwork
from sqnn.conversion.rates import RATE_THRESHOLDS
from sqnn.core import ConfigError, brief, is_whole, read_json, reason, require
from sqnn.models import (
    MODELS,
    SEPARATOR,
    Make,
    ModelConfig,
    ModelFileError,
    OwnConfig,
    build_stored,
    check_stored,
    class_names,
    factory_name,
    layout_of,
    load_weights,
    make_own,
    read_header,
    stored_file,
    write_model_file,
)
from sqnn.neurons import MAX_PLANES

SPIKING_FORMAT = "sqnn-spiking-1"
SHAPE, ANSWERS = "shape", "answers"
"""What the header says of a network of a user's own: the shape of an image, and numbers it gives for drawn ones."""
ANSWERED, MOST_ANSWERS, SAME = 2, 64, 1e-6
"""Images that it is asked about, most numbers that are stored, and the rounding by which they may differ elsewhere."""
MOST_NUMBERS = 2**28
"""Most numbers of one image that a file may ask for."""
SOURCE, THRESHOLD = "source.", "threshold."
"""What the names of tensors begin with: weights of the source, thresholds that a calibration chose."""
LEARNED = "learned"
MAX_INITIAL = 2**MAX_PLANES
"""No membrane begins above the highest level."""


def save_spiking(
    spiking: SpikingNetwork, path: str | Path, classes: Sequence[str] = (), *, factory: Make | str | None = None
) -> Path:
    """Write a converted network, and the names of its classes if any; the file appears whole or not at all.

    Of a network that is none of `sqnn.models.MODELS` the file names the `factory` that made what was converted (a
    function or class without arguments, or its name "module:function"), and holds no code: `load_spiking` needs it
    again. ConfigError without it, and where there are names of classes, but not one for each class. ModelFileError
    where the folder cannot be written or the disk is full. The order of execution is not stored.
    """
    named = require_named(spiking, factory)
    state = {SOURCE + key: tensor for key, tensor in spiking.source.state_dict().items()}
    if spiking.how.thresholds != LEARNED:
        state |= {THRESHOLD + key: tensor for key, tensor in spiking.thresholds.items()}
    header: dict[str, object] = {"conversion": spiking.how.to_dict()}
    if isinstance(named.config, OwnConfig):
        shape = spiking.shape
        header |= {SHAPE: shape, ANSWERS: _answers(spiking.source, shape)}
    number = named.config.num_classes or len(classes)
    header |= {"config": named.config.to_dict(), "classes": class_names(classes, number)}
    return write_model_file(path, SPIKING_FORMAT, named.name, header, state)


class Named(NamedTuple):
    """How a file names the network that was converted."""

    name: str
    config: ModelConfig | OwnConfig


def require_named(spiking: SpikingNetwork, factory: Make | str | None = None) -> Named:
    """Return name and configuration of the network that a conversion is of; ConfigError where a file cannot name it."""
    require(isinstance(spiking, SpikingNetwork), "spiking", type(spiking).__name__, "a network that convert made")
    if spiking.config is not None and spiking.name is not None:
        require(factory is None, "factory", factory, f"none: {spiking.name} is a network of the package")
        return Named(spiking.name, spiking.config)
    if factory is None:
        raise ConfigError(
            f"spiking: got {spiking!r}, expected a network converted from one of {', '.join(MODELS)}, which a file can "
            "name, or the function that made yours: factory='module:function', on the command line --model"
        )
    name = factory if isinstance(factory, str) else factory_name(factory)
    require(SEPARATOR in name, "factory", name, "module:function, or a function or class without arguments")
    layout, shape = layout_of(spiking.source), spiking.shape
    if len(shape) != 3:
        return Named(name, OwnConfig(layout=layout))
    return Named(name, OwnConfig(layout=layout, in_channels=shape[0], image_size=(shape[1], shape[2])))


def load_spiking(path: str | Path, factory: Make | None = None) -> SpikingNetwork:
    """Read a network written by `save_spiking`: the same outputs and spikes, bit by bit.

    `factory` makes the network that was converted where it is none of `sqnn.models.MODELS`; nothing is imported by what
    a file says. Raises ModelFileError when the file is missing, truncated, of another format, needs a factory, or holds
    other weights than its header asks for; ConfigError where the factory makes another network than was converted.
    """
    path = stored_file(path)
    header = read_header(path, (SPIKING_FORMAT,))
    state = safetensors.torch.load_file(path)
    how = _read_conversion(header.get("conversion", "{}"), path)
    model, images = _source(header, state, path, factory)
    try:
        graph = trace(model, images)
        if how.fold_batch_norm:
            fold(graph)
        rates = how.code.name == "rate"
        layout = plan(graph, integrate=how.postponed, activations=rates, rates=rates)
        bits = how.code.steps.bit_length()
        if how.code.name == "planes":
            require(common_timesteps(graph, layout) == bits, "conversion", bits, "the bits of the network")
    except ValueError as error:
        if factory is not None:
            raise ConfigError(
                f"factory: got {factory_name(factory)}, whose network cannot be converted ({reason(error)})"
            ) from error
        raise ModelFileError(f"path: {path} has a network that cannot be converted ({reason(error)})") from error
    stored = {name.removeprefix(THRESHOLD): state[name] for name in state if name.startswith(THRESHOLD)}
    weights = {name.removeprefix(SOURCE): state[name] for name in state if not name.startswith(THRESHOLD)}
    if factory is not None:
        _require_same(layout_of(graph) == header["config"].get("layout"), factory, header, path)
    load_weights(graph, weights, str(path))
    thresholds = _thresholds(graph, layout, how, stored, path)
    check_stored(path, state)
    if factory is not None and images is not None:
        found, told = (torch.tensor(values) for values in (_answers(graph, images.shape[1:]), _list(header, ANSWERS)))
        same = found.shape == told.shape and torch.allclose(found, told, rtol=SAME, atol=SAME)
        _require_same(same, factory, header, path)
    return build(model, graph, layout, thresholds, how)


def _source(
    header: Mapping[str, Any], state: Mapping[str, Tensor], path: Path, factory: Make | None
) -> tuple[nn.Module, Tensor | None]:
    """Return the network that was converted, without its weights, and images that it takes where only the file says."""
    name = header["model"]
    if SEPARATOR not in name:
        require(factory is None, "factory", factory, f"none: {path} holds {brief(name)}, a network of the package")
        return build_stored(header, state, path), None
    if factory is None:
        raise ModelFileError(
            f"path: {path} holds a network of your own, {brief(name)[1:-1]}, and no code; give what makes it: "
            f"load_spiking({str(path)!r}, factory=function), on the command line --model module:function"
        )
    model = make_own(factory, 0, name, argument="factory")
    precisions = {tensor.dtype for tensor in state.values() if tensor.is_floating_point()}
    shape = _list(header, SHAPE)
    sizes = all(is_whole(side) and 0 < side <= path.stat().st_size for side in shape)
    if not sizes or math.prod(shape) > MOST_NUMBERS:
        raise ModelFileError(f"path: {path} has a damaged header ({SHAPE}: {brief(shape)} is no shape of an image)")
    model = model.to(precisions.pop()) if len(precisions) == 1 else model
    return model, _drawn(TRACED + CHECKED, shape)


def _list(header: Mapping[str, Any], name: str) -> list[Any]:
    """Return numbers of a header; ModelFileError where they are none."""
    try:
        values = read_json(header[name])
    except (KeyError, ValueError, TypeError):
        values = None
    if not isinstance(values, list) or not all(type(value) in (int, float) for value in values):
        raise ModelFileError(f"path: the file has a damaged header ({name} is no list of numbers)")
    return values


def _require_same(same: bool, factory: Make, header: Mapping[str, Any], path: Path) -> None:
    if not same:
        raise ConfigError(
            f"factory: got {factory_name(factory)}, which makes another network than the one in {path}, expected "
            f"{brief(header['model'])[1:-1]} as it was when that was converted, with the same options"
        )


def _drawn(count: int, shape: Sequence[int]) -> Tensor:
    return torch.rand((count, *shape), generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@torch.no_grad()
def _answers(source: fx.GraphModule, shape: Sequence[int]) -> list[float]:
    """Return numbers that a network gives for drawn images, in double precision: code is told apart by what it does."""
    output = copy.deepcopy(source).double()(_drawn(ANSWERED, shape))
    parts = [part.double().flatten() for part in tree_leaves(output) if isinstance(part, Tensor)]
    return torch.cat(parts)[:MOST_ANSWERS].nan_to_num().tolist() if parts else []


def _read_conversion(text: str, path: str | Path) -> Conversion:
    """Return how the network was converted; ModelFileError where no conversion is like that."""
    try:
        stored = read_json(text)
        code, choices = stored["code"], {name: value for name, value in stored.items() if name != "code"}
        timesteps, initial = len(code["weights"]), code["initial"]
        require(isinstance(initial, int | float) and 0 <= initial < MAX_INITIAL, "initial", initial, "a membrane")
        if code["name"] == "planes":
            how = Conversion(plane_code(code["steps"].bit_length(), timesteps), **choices)
        else:
            how = Conversion(rate_code(timesteps, initial), **choices)
        RATE_THRESHOLDS.pick(how.thresholds)
        for name in ("postponed", "bias_shift", "fold_batch_norm"):
            require(isinstance(choices.get(name, True), bool), name, choices.get(name), "true or false")
        require(json.loads(json.dumps(how.to_dict())) == stored, "code", code, "one that a conversion makes")
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ModelFileError(f"path: {path} has a damaged header (conversion: {reason(error)})") from error
    return how


def _thresholds(
    graph: fx.GraphModule, layout: Plan, how: Conversion, stored: Mapping[str, Tensor], path: str | Path
) -> dict[fx.Node, Tensor]:
    """Return the stored thresholds of a calibration, or those that the source has learned."""
    learned = how.thresholds == LEARNED
    without = [node for node in layout.neurons if learned and role_of(graph, node) is not Role.NEURON]
    if without:
        name = site_name(graph, without[0])
        raise ModelFileError(f"path: {path} has a damaged header (conversion: {name} has no learned threshold)")
    sites = {} if learned else {site_name(graph, node): node for node in layout.neurons}
    wrong = sorted(sites.keys() ^ stored.keys())
    if wrong:
        raise ModelFileError(f"path: {path} is of another architecture: {THRESHOLD}{wrong[0]} does not fit")
    for name, threshold in stored.items():
        if threshold.ndim or not (torch.isfinite(threshold) and threshold > 0):
            raise ModelFileError(f"path: {path} is damaged: {THRESHOLD}{name} is no positive number")
    return learned_thresholds(graph, layout) if learned else {node: stored[name] for name, node in sites.items()}
