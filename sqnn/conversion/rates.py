"""Conversion by firing rates, with which the error-free one is compared, and all conversions by name."""

from __future__ import annotations

from torch import Tensor, fx, nn

from sqnn.conversion.calibration import PERCENTILE, check_calibration, observed_thresholds
from sqnn.conversion.codes import Conversion, rate_code
from sqnn.conversion.convert import build, convert, learned_thresholds
from sqnn.conversion.errors import ConversionError
from sqnn.conversion.graph import Role, call_name, describe, module_of, plan, role_of, trace
from sqnn.conversion.network import SpikingNetwork
from sqnn.core import Choices, ConfigError, require
from sqnn.models import HasNetwork, config_of, network_of

RATE_THRESHOLDS: Choices[str] = Choices(
    "thresholds", {"learned": "QCFS activations", "max": "largest activations", "percentile": "their percentiles"}
)
"""Where the thresholds of a conversion by rate come from."""
EXACT = "exact"
METHODS: Choices[str | None] = Choices(
    "method", {EXACT: None, "qcfs-rate": "learned", "max": "max", "percentile": "percentile"}
)
"""The conversions by name, and where those by rate have their thresholds from."""
CALIBRATION_IMAGES = 500
"""Training images, the first of them, that thresholds are read off by default."""


def convert_rate(
    model: nn.Module | HasNetwork,
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

    The last two take ReLU networks as well. Max pools have no counterpart: `prepare(model, T, pools="average")`.
    `initial` sets the membrane at the beginning, in thresholds. Orders `layer` and `step`. Raises ConversionError with
    one line for every layer that cannot be converted, and ConfigError on other arguments.
    """
    model = network_of(model)
    RATE_THRESHOLDS.pick(thresholds, error=ConfigError)
    learned = thresholds == "learned"
    require(initial is None or 0 <= initial < 1, "initial", initial, "a share of the threshold, at least 0 and below 1")
    code = rate_code(timesteps, initial if initial is not None else 0.5 if learned else 0.0)
    if not learned:
        check_calibration(images, 100.0 if thresholds == "max" else percentile, config_of(model))
    graph = trace(model, images)
    layout = plan(graph, integrate=False, activations=True, rates=True)
    plain = [node for node in layout.neurons if role_of(graph, node) is not Role.NEURON]
    others = [node for node in plain if not _is_relu(graph, node)]
    if others:
        mend = "put a ReLU there, or a QCFS with prepare(model, timesteps), then fine-tune"
        raise ConversionError([f"{describe(graph, node)} is not what firing rates follow; {mend}" for node in others])
    values: dict[fx.Node, Tensor]
    if learned:
        if plain:
            raise ConversionError(
                [f"{describe(graph, node)} has no learned threshold; take max or percentile" for node in plain]
            )
        values = learned_thresholds(graph, layout)
    else:
        share = 100.0 if thresholds == "max" else percentile
        values = observed_thresholds(graph, layout.neurons, images, share)
    how = Conversion(code, postponed=False, bias_shift=True, thresholds=thresholds)
    return build(model, graph, layout, values, how)


def convert_by(
    method: str,
    model: nn.Module | HasNetwork,
    *,
    timesteps: int | None = None,
    planes: int | None = None,
    fold_batch_norm: bool = False,
    images: Tensor | None = None,
) -> SpikingNetwork:
    """Convert with one of METHODS: `exact` is `convert`, the others are `convert_rate` with their thresholds.

    `timesteps` belongs to the rates, which need it, `planes` and `fold_batch_norm` to `exact`; `images`, in the
    network's precision, calibrate `max` and `percentile`, and show every method what the network takes. Raises
    ConfigError on an option of another method, and ConversionError with one line for every layer that cannot be
    converted.
    """
    thresholds = METHODS.pick(method, error=ConfigError)
    if thresholds is None:
        bits = "none with method exact, which takes a step for each bit (planes stops earlier)"
        require(timesteps is None, "timesteps", timesteps, bits)
        return convert(model, images=images, planes=planes, fold_batch_norm=fold_batch_norm)
    require(planes is None, "planes", planes, f"none with method {method}, whose spikes are no bits")
    require(not fold_batch_norm, "fold_batch_norm", fold_batch_norm, f"false with method {method}")
    if timesteps is None:
        raise ConfigError(f"timesteps: got none, expected a number of time steps with method {method}")
    return convert_rate(model, timesteps, thresholds=thresholds, images=images)


def _is_relu(graph: fx.GraphModule, node: fx.Node) -> bool:
    """Say whether a node calls a ReLU or a ReLU6, whose bound a threshold keeps as well."""
    module = module_of(graph, node)
    name = call_name(node) if module is None else type(module).__name__
    return name.lower().strip("_") in ("relu", "relu6")
