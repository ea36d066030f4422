"""Signs that a training collapsed, and what to do about each, in words."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from torch import nn

from sqnn.core import Threads, counted
from sqnn.data import ImageData
from sqnn.metrics import ANGLES, LOUDER, DeadUnits, dead_units, predict_logits, same_for_all
from sqnn.models import Network, config_of

if TYPE_CHECKING:
    import pandas as pd

LOOKED_AT = 1_000
"""Most validation images that dead units are looked for in."""
DEAD_ANGLES = 0.25
"""Largest share of a circuit's angles that may be the same for all images."""
DEAD_CHANNELS = 0.75
"""Largest share of a layer's channels that may be silent."""
RISE = 1.5
"""Largest factor between the training loss of the last epoch and the smallest of all epochs."""
LEAST_RISE = 0.1
"""Smallest rise in nats that counts: a loss near zero doubles without harm."""
CONFIDENCE = 0.95
"""Of the exact binomial interval that tells an accuracy from the chance level."""
FEW_STEPS = 100
"""Fewer steps of the optimiser than these hardly move a network."""


class CollapseWarning(UserWarning):
    """A training that ended, but whose network collapsed on the way: the sign, and how to train better."""


def collapse_signs(
    model: nn.Module,
    data: ImageData,
    history: pd.DataFrame,
    learning_rate: float,
    threads: Threads,
    batch_size: int | None = None,
) -> list[str]:
    """Return one sentence for each sign of a collapse in a finished training; none where it went well.

    - The best validation accuracy cannot be told from p, the share of the most frequent class among the n validation
      images: it is no more than p, or p lies in its exact binomial interval (Clopper and Pearson, Biometrika 26, 1934)
      of CONFIDENCE. The latter does not count where n is so small that an accuracy of 1 could not be told from p.
    - The training loss of the last epoch is more than RISE times the smallest of all epochs, and LEAST_RISE
      above it.
    - More than DEAD_ANGLES of a circuit's angles are the same for all images, or more than DEAD_CHANNELS of a layer's
      channels never fire, with the network as it is now, on the first LOOKED_AT validation images.

    What to do is to train for longer where batches of `batch_size` made fewer than FEW_STEPS steps, and what the class
    of a network states that learns by a rule of its own (`Network.own_rule`).
    """
    labels, validation = data.validation.labels, data.validation
    steps = FEW_STEPS if batch_size is None else len(history) * math.ceil(len(data.train) / batch_size)
    remedy = f"lower learning_rate ({learning_rate:g})"
    if steps < FEW_STEPS:
        remedy = f"train for longer, {counted(steps, 'step')} being few (more epochs, smaller batch_size, more images)"
    louder, calmer, alive = LOUDER, f"{remedy} or gradient_clip", remedy
    if isinstance(model, Network) and model.own_rule is not None:
        louder, calmer = (text.format_map(vars(model.config)) for text in model.own_rule)
        remedy, alive = calmer, louder
    images = validation.take(slice(LOOKED_AT))
    signs = []
    share = int(labels.bincount().max()) / len(labels)
    best = float(history["validation_accuracy"].max())
    low, high = _interval(best, len(labels))
    if best <= share or low <= share < _interval(1.0, len(labels))[0]:
        silent = same_for_all(predict_logits(model, images, threads=threads))
        mend = f"the logits are the same for all images: {louder}, or {remedy}" if silent else remedy
        near = f"cannot be told from the chance level, {share:.2%} (95 % interval: {low:.2%} to {high:.2%})"
        where = near if best > share else f"is at the chance level, {share:.2%}"
        signs.append(f"the best validation accuracy, {best:.2%}, {where}; {mend}")
    losses = history["train_loss"].dropna()
    if len(losses) and losses.iloc[-1] > max(RISE * losses.min(), losses.min() + LEAST_RISE):
        signs.append(f"the training loss rose from {losses.min():.3f} to {losses.iloc[-1]:.3f} nats; {calmer}")
    for part in dead_units(model, images, threads=threads):
        if part.share > (DEAD_ANGLES if part.kind == ANGLES else DEAD_CHANNELS):
            what = "are the same for all images" if part.kind == ANGLES else "never fire"
            signs.append(
                f"{part.dead} of {part.units} {part.kind} of {part.part} {what}; {_remedy(part, model, alive)}"
            )
    return signs


def _interval(accuracy: float, images: int) -> tuple[float, float]:
    """Return the exact binomial interval of an accuracy on so many images."""
    # Imported here: it takes a while, and the doors do not load it.
    from scipy.stats import binomtest  # type: ignore[import-untyped]

    low, high = binomtest(round(accuracy * images), images).proportion_ci(CONFIDENCE, "exact")
    return float(low), float(high)


def _remedy(part: DeadUnits, model: nn.Module, remedy: str) -> str:
    """Name the readout too where a circuit reads spikes, which is what most often goes silent."""
    config = config_of(model)
    spiking = part.kind == ANGLES and config is not None and vars(config).get("readout") == "spike"
    return f"{remedy} or take readout membrane" if spiking else remedy
