"""The verb that opens the viewer in a notebook."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from torch import Tensor, nn

from sqnn.core import ConfigError, require
from sqnn.models import HasNetwork, network_of, require_network

if TYPE_CHECKING:
    from sqnn.explain.report.widget import Explorer


def explore(
    model: nn.Module | HasNetwork, image: Tensor, label: int | None = None, classes: Sequence[str] | None = None
) -> Explorer:
    """Show in a notebook what a network, or that of a run, does with one image, and let neurons be changed.

    `image` is [channels, height, width] or a batch of one in [0, 1] (or a recording); `label` its true class, `classes`
    the names of all. A click on a neuron shows its membrane, with buttons that silence it or let it fire at every
    step: spikes, angles and answer are computed anew. `silence`, `fire` and `release` of what is returned do the same.

    Raises ConfigError where anywidget is not installed (it comes with the extra `notebooks`), and on images, labels or
    classes that do not fit.
    """
    network = require_network(network_of(model))
    require(isinstance(image, Tensor), "image", type(image).__name__, "a tensor [channels, height, width] in [0, 1]")
    batch = image[None] if image.ndim == 3 else image
    require(batch.ndim > 3, "image", list(image.shape), "[channels, height, width], as images[0] is")
    require(len(batch) == 1, "image", list(image.shape), "one image: images[0]")
    try:
        from sqnn.explain.report.widget import Explorer
    except ImportError as error:
        raise ConfigError("explore: needs anywidget, which is not installed; pip install 'sqnn[notebooks]'") from error
    return Explorer(network, batch, None if classes is None else tuple(classes), label)
