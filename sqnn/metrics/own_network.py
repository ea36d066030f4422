"""A trial of a user's own network on a few images, before anything is measured or trained."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from sqnn.core import RAISED, ConfigError, reason, torch_numbers
from sqnn.metrics.accuracy import EVALUATION_SEED, evaluating
from sqnn.models import LIBRARIES, layout_of, libraries_of, logits_of

TRIED = 4
"""Images of the trial: enough for a batch norm, and for a batch that is one smaller."""
LOUDER = "take more time steps, a larger input (5 * images), or membranes in place of spikes"
"""How more of the images reaches the outputs of a spiking network."""


class SilenceWarning(UserWarning):
    """A network that gives the same logits for all images before it is trained, or for all classes when it is asked."""


def same_for_all(logits: Tensor) -> bool:
    """Say whether the logits [batch, classes] of two or more images are all the same."""
    return len(logits) > 1 and bool((logits == logits[0]).all())


def unanswered(values: Tensor) -> Tensor:
    """Say of each image whether all of its classes have one logit, or one probability: [batch, classes] -> [batch]."""
    return (values == values[:, :1]).all(1) & (values.shape[1] > 1)


def check_own(model: nn.Module, images: Tensor, num_classes: int | None = None, *, learns: bool = False) -> None:
    """Try a network of any kind on a few of `images` [batch, channels, height, width]; raise ConfigError with the mend.

    Its logits must be [batch, num_classes] for batches of two sizes, and the same when the same images come again after
    others: nothing that it remembers, nor a number that another generator than torch's gives, may reach them. In
    evaluation mode it must leave its buffers alone. With `learns`, it must also give a gradient, twice in training
    mode, and SilenceWarning tells where all images have the same logits. Afterwards it has its modes, weights and
    buffers again, and torch's generators are as they were.
    """
    layout_of(model)
    first = images[:TRIED]
    # A state may be dropped where the number of images changes, and kept where it does not.
    others = (1 - first, 1 - first[: max(1, len(first) - 1)])
    with evaluating(model) as place:
        silent = learns and _check_gradient(model, first.to(place))
        before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
        with torch.no_grad():
            once = _logits(model, first.to(place), "")
            if torch.isnan(once).any():
                raise ConfigError("model: got logits that are NaN for images in [0, 1], expected numbers")
            for other in others:
                _logits(model, other.to(place), f" after one of {len(first)}")
                again = _logits(model, first.to(place), " again")
                if not _same(once, again):
                    raise ConfigError(
                        "model: got other logits for the same images after other ones, expected the same: it keeps "
                        "state from batch to batch, or draws numbers from other generators than torch's; "
                        f"{_reset(model)}"
                    )
        for name, tensor in model.state_dict().items():
            if not torch.equal(before[name].nan_to_num(), tensor.nan_to_num()):
                raise ConfigError(
                    f"model: its buffer {name} changes in evaluation mode, so that a measurement would change the "
                    "network; change it in training mode alone (if self.training)"
                )
    if num_classes is not None and once.shape[1] != num_classes:
        raise ConfigError(f"model: got {once.shape[1]} logits per image, expected {num_classes}, one for each class")
    if silent:
        warnings.warn(
            f"model: gives the same logits for all {len(first)} images of a trial; where training stays at the chance "
            f"level, {LOUDER}",
            SilenceWarning,
            stacklevel=2,
        )


def _check_gradient(model: nn.Module, images: Tensor) -> bool:
    """Go through two steps of training without taking them; say whether all images, which differ, have one output."""
    weights = [parameter for parameter in model.parameters() if parameter.requires_grad]
    if not weights:
        raise ConfigError("model: got no weight that learns, expected parameters with requires_grad")
    state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    model.train()
    try:
        with torch.enable_grad():
            for turn in ("", " again"):
                logits = _logits(model, images, f" in training mode{turn}")
                if not logits.requires_grad:
                    raise ConfigError(
                        "model: no gradient reaches its weights; leave out detach, argmax, comparisons and no_grad in "
                        "forward, and give spikes a surrogate gradient"
                    )
                with _in_words(model, f"its gradient on {len(images)} images{turn}"):
                    torch.autograd.grad(logits.sum(), weights, allow_unused=True)
        return same_for_all(logits) and not same_for_all(images.flatten(1))
    finally:
        model.load_state_dict(state)
        model.eval()


def _logits(model: nn.Module, images: Tensor, when: str) -> Tensor:
    generator = torch.Generator().manual_seed(EVALUATION_SEED)
    with torch_numbers(EVALUATION_SEED), _in_words(model, f"its forward on {list(images.shape)}{when}"):
        return logits_of(model, images, generator)


@contextmanager
def _in_words(model: nn.Module, what: str) -> Iterator[None]:
    """Raise what a user's own code raises as one line, with the mend where a state outlived its batch."""
    try:
        yield
    except ConfigError:
        raise
    except RAISED as error:
        why = f"{type(error).__name__}: {reason(error)}"
        if " second time" in str(error):
            why = "it belongs to the graph of the batch before"
        mend = "; expected a forward that takes images [batch, channels, height, width], or of recordings of events "
        mend += "[batch, time, channels, height, width]"
        if " again" in what or " after " in what:
            mend = "; a batch may have any number of images (images.flatten(1)), and nothing may outlive it: "
            mend += _reset(model)
        raise ConfigError(f"model: {what} fails ({why}){mend}") from error


def _same(one: Tensor, other: Tensor) -> bool:
    """Say whether logits are the same: to the last bit, but for the rounding of an accelerator."""
    return torch.equal(one, other) or (one.device.type != "cpu" and torch.allclose(one, other, 1e-3, 1e-5))


def _reset(model: nn.Module) -> str:
    calls = [LIBRARIES[library] for library in libraries_of(model)] or ["its neurons and counters"]
    return f"begin forward with a reset: {', '.join(calls)}"
