"""Methods of attribution by name, and the one verb that applies them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sqnn.core import Choices, ConfigError
from sqnn.explain.attribution.base import Attribution, Method
from sqnn.explain.attribution.gradient import GradientInput, Saliency
from sqnn.explain.attribution.influence import Influence
from sqnn.explain.attribution.integrated import IntegratedEvents, IntegratedSmooth, IntegratedSurrogate
from sqnn.explain.attribution.occlusion import Occlusion
from sqnn.explain.attribution.relevance import Relevance
from sqnn.explain.attribution.shapley import Shapley
from sqnn.explain.attribution.spike_triggered import SpikeTriggered
from sqnn.explain.attribution.temporal_spike import TemporalSpike
from sqnn.models import HasNetwork, network_of

_KINDS: tuple[type[Method], ...] = (
    *(Shapley, Relevance),
    *(Saliency, GradientInput),
    *(IntegratedSurrogate, IntegratedSmooth, IntegratedEvents),
    *(Occlusion, Influence, SpikeTriggered, TemporalSpike),
)
METHODS: Choices[type[Method]] = Choices("method", {kind.name: kind for kind in _KINDS})
"""Methods of attribution by name, with which `attribute` explains a network."""


def attribute(
    model: nn.Module | HasNetwork,
    images: Tensor,
    target: int | Tensor | None = None,
    method: str = "shapley",
    at: str = "pixels",
    generator: torch.Generator | None = None,
    **options: object,
) -> Attribution:
    """Return how much each entry of a place of a network did for the logit of a class, for each image.

    `images` are [batch, channels, height, width] in [0, 1]; `target` is a class, or one for each image, by default the
    predicted one. `method` is a name of METHODS, and `options` are its fields. `at` is

    - "pixels", the images; "spikes", the encoder's trains; "angles" or "qubits", what the circuit reads;
    - the path of a layer, such as "frontend.blocks.0", whose output is explained (of a block of neurons, the spikes);
    - "weights", all parameters.

    The network, which may be a Run, is evaluated as it is in use, in its own precision, and changed by nothing. Rate
    encoders draw from `generator`, by default of seed 0, in every evaluation and for every image the same numbers, one
    per step and pixel: an image has the values that it has alone. Shots and other random layers are refused. Before an
    encoder that passes no gradient, methods that need one act on the spikes and add up over the steps of each pixel,
    which `note` says.

    Raises ConfigError on an unknown method, option, place or class, and ValueError on images that do not fit.
    """
    kind = METHODS.pick(method, error=ConfigError)
    return kind.from_dict(options).attribute(network_of(model), images, target, at, generator)
