"""Conversion by firing rates: the baselines that the error-free conversion is compared with."""

from __future__ import annotations

from typing import Any

from torch import Tensor, fx, nn

from sqnn.conversion.calibration import PERCENTILE, check_calibration, observed_thresholds
from sqnn.conversion.choices import Conversion
from sqnn.conversion.codes import rate_code
from sqnn.conversion.convert import build, learned_thresholds
from sqnn.conversion.errors import ConversionError
from sqnn.conversion.graph.carry import plan
from sqnn.conversion.graph.roles import Role, call_name, role_of
from sqnn.conversion.graph.trace import describe, module_of, trace
from sqnn.conversion.network import SpikingNetwork
from sqnn.core import require, require_one_of

RATE_THRESHOLDS: tuple[str, ...] = ("learned", "max", "percentile")


def convert_rate(
    model: nn.Module,
    timesteps: int,
    *,
    thresholds: str = "learned",
    images: Tensor | None = None,
    percentile: float = PERCENTILE,
    initial: float | None = None,
) -> SpikingNetwork:
    """Convert by firing rates: ordinary integrate-and-fire neurons, whose spikes in T steps count T levels.

    Neurons fire while they integrate and reset by subtraction; a network's output is the mean over the steps. The
    activations are approached as T grows, and are exact for no T: spikes come unevenly.

    - `learned`: the thresholds of QCFS activations, membranes start at half of them (Bu et al., ICLR 2022).
    - `max`: the largest activation over `images`, membranes start empty (Diehl et al., IJCNN 2015).
    - `percentile`: that percentile of the activations instead (Rueckauer et al., Front. Neurosci. 11, 2017).

    The last two take ReLU networks as well. `initial` sets the membrane at the beginning, in thresholds. Orders
    `layer` and `step`. Raises ConversionError with one line for every layer that cannot be converted, and ConfigError
    on other arguments.
    """
    require_one_of("thresholds", thresholds, RATE_THRESHOLDS)
    learned = thresholds == "learned"
    require(initial is None or 0 <= initial < 1, "initial", initial, "a share of the threshold, at least 0 and below 1")
    code = rate_code(timesteps, initial if initial is not None else 0.5 if learned else 0.0)
    graph = trace(model)
    found = plan(graph, integrate=False, activations=True)
    plain = [node for node in found.neurons if role_of(graph, node) is not Role.NEURON]
    others = [node for node in plain if not _is_relu(graph, node)]
    if others:
        mend = "put a ReLU there, or a QCFS with prepare(model, timesteps), then fine-tune"
        raise ConversionError([f"{describe(graph, node)} is not what firing rates follow; {mend}" for node in others])
    values: dict[Any, Tensor]
    if learned:
        if plain:
            raise ConversionError(
                [f"{describe(graph, node)} has no learned threshold; take max or percentile" for node in plain]
            )
        values = learned_thresholds(graph, found)
    else:
        share = 100.0 if thresholds == "max" else percentile
        check_calibration(images, share, getattr(model, "config", None))
        values = observed_thresholds(graph, found.neurons, images, share)
    how = Conversion(code, postponed=False, bias_shift=True, thresholds=thresholds)
    return build(model, graph, found, values, how)


def _is_relu(graph: fx.GraphModule, node: fx.Node) -> bool:
    """Say whether a node calls a ReLU or a ReLU6, whose bound a threshold keeps as well."""
    module = module_of(graph, node)
    name = call_name(node) if module is None else type(module).__name__
    return name.lower().strip("_") in ("relu", "relu6")
