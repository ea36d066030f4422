"""A converted network in one file: the weights of its source, and in the header how it was converted.

Nothing of a graph is stored: loading builds the source from its name and configuration and converts it again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor, fx

from sqnn.conversion.codes import Conversion, plane_code, rate_code
from sqnn.conversion.convert import build, common_timesteps, fold, learned_thresholds
from sqnn.conversion.graph.carry import Plan, plan
from sqnn.conversion.graph.nodes import site_name
from sqnn.conversion.graph.roles import Role, role_of
from sqnn.conversion.graph.trace import trace
from sqnn.conversion.network import SpikingNetwork
from sqnn.conversion.rates import RATE_THRESHOLDS
from sqnn.core import ConfigError, read_json, reason, require
from sqnn.models import (
    MODELS,
    ModelConfig,
    ModelFileError,
    build_stored,
    check_stored,
    class_names,
    load_weights,
    read_header,
    stored_file,
    write_model_file,
)
from sqnn.neurons import MAX_PLANES

SPIKING_FORMAT = "sqnn-spiking-1"
SOURCE, THRESHOLD = "source.", "threshold."
"""What the names of tensors begin with: weights of the source, thresholds that a calibration chose."""
LEARNED = "learned"
MAX_INITIAL = 2**MAX_PLANES
"""No membrane begins above the highest level."""


def save_spiking(spiking: SpikingNetwork, path: str | Path, classes: Sequence[str] = ()) -> Path:
    """Write a converted network, and the names of its classes if any; the file appears whole or not at all.

    Only networks made from those in `sqnn.models.MODELS` can be rebuilt from a name: ConfigError on others, and where
    there are names, but not one for each class.
    ModelFileError where the folder cannot be written or the disk is full. The order of execution is not stored.
    """
    config, name = require_named(spiking)
    state = {SOURCE + key: tensor for key, tensor in spiking.source.state_dict().items()}
    if spiking.how.thresholds != LEARNED:
        state |= {THRESHOLD + key: tensor for key, tensor in spiking.thresholds.items()}
    header = {
        "config": config.to_dict(),
        "classes": class_names(classes, config.num_classes),
        "conversion": spiking.how.to_dict(),
    }
    return write_model_file(path, SPIKING_FORMAT, name, header, state)


def require_named(spiking: SpikingNetwork) -> tuple[ModelConfig, str]:
    """Return configuration and name of the network that a conversion is of; ConfigError where a file cannot name it."""
    require(isinstance(spiking, SpikingNetwork), "spiking", type(spiking).__name__, "a network that convert made")
    if spiking.config is None or spiking.name is None:
        known = f"a network converted from one of {', '.join(MODELS)}, which a file can name"
        raise ConfigError(f"spiking: got {spiking!r}, expected {known}")
    return spiking.config, spiking.name


def load_spiking(path: str | Path) -> SpikingNetwork:
    """Read a network written by `save_spiking`: the same outputs and spikes, bit by bit.

    Raises ModelFileError when the file is missing, truncated, of another format, or holds other weights than its
    header asks for.
    """
    path = stored_file(path)
    header = read_header(path, (SPIKING_FORMAT,))
    state = safetensors.torch.load_file(path)
    how = _read_conversion(header.get("conversion", "{}"), path)
    model = build_stored(header, state, path)
    try:
        graph = trace(model)
        if how.fold_batch_norm:
            fold(graph)
        rates = how.code.name == "rate"
        layout = plan(graph, integrate=how.postponed, activations=rates, rates=rates)
        bits = how.code.steps.bit_length()
        if how.code.name == "planes":
            require(common_timesteps(graph, layout) == bits, "conversion", bits, "the bits of the network")
    except ValueError as error:
        raise ModelFileError(f"path: {path} has a network that cannot be converted ({reason(error)})") from error
    stored = {name.removeprefix(THRESHOLD): state[name] for name in state if name.startswith(THRESHOLD)}
    weights = {name.removeprefix(SOURCE): state[name] for name in state if not name.startswith(THRESHOLD)}
    load_weights(graph, weights, str(path))
    thresholds = _thresholds(graph, layout, how, stored, path)
    check_stored(path, state)
    return build(model, graph, layout, thresholds, how)


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
