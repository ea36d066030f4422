"""A network as a function of what one of its places holds, with every pass counted."""

from __future__ import annotations

import contextlib
import copy
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from circuits import QuantumLayer, ReuploadLayer
from sqnn.core import ConfigError, brief, computing_in, is_whole, require, threads_for
from sqnn.encoding import Encoder, Rate
from sqnn.explain.attribution.places import (
    PIXELS,
    Pixels,
    Place,
    Spikes,
    emitting,
    place_named,
)
from sqnn.explain.attribution.result import Cost, Grouping
from sqnn.explain.recording import checked_images
from sqnn.metrics import EVALUATION_SEED, evaluating
from sqnn.models import device_and_dtype, logits_of, require_network, shown_name, step_work

PASSES = 64
"""Images of one forward pass, at most."""
WHOLE = (torch.int64, torch.int32, torch.int16, torch.uint8, torch.int8)
Baseline = float | Tensor
"""What stands for nothing: one number for all entries, or the values of one image or of each."""


@dataclass
class Passes:
    """Images sent forward and backward so far."""

    forwards: int = 0
    backwards: int = 0


def copy_of(model: nn.Module) -> nn.Module:
    """Return a copy of a network, weights and all; ConfigError where it holds what cannot be copied."""
    try:
        return copy.deepcopy(model)
    except RuntimeError as error:
        raise ConfigError(
            f"model: got {shown_name(model)}, which cannot be copied, as where neurons keep membranes with their "
            "gradients; expected one that forgets them, or the method integrated-surrogate"
        ) from error


class Probe:
    """The logit of class `target` as a function of what one place holds, for each image of a batch.

    `point` [batch, ...] is what the place holds for the images, `output` [batch] the logit there and `plain` the logits
    [batch, classes] of the network itself. Every evaluation draws the same random numbers, those of `generator`, and
    the same for every image (`drawing_alike`), so that an image's logits are its own, whatever else is in the batch.
    Make one with `probing`.
    """

    def __init__(
        self, model: nn.Module, images: Tensor, at: str, place: Place, state: Tensor, passes: Passes | None = None
    ) -> None:
        self.model, self.images, self.at, self.place = model, images, at, place
        self._state = state
        self.passes = Passes() if passes is None else passes
        self._start = time.perf_counter()
        with torch.no_grad():
            cold = logits_of(model, images, self.generator())
            start = time.perf_counter()
            self.plain = logits_of(model, images, self.generator())
        self.inference = time.perf_counter() - start
        self.passes.forwards += 2 * len(images)
        self._require_steady(cold)
        self.point = self._read(images)
        self.target = self.plain.argmax(-1)
        self.pixels_of: Probe | None = None
        """The probe of the pixels that this one, of their spikes, stands in for."""

    @property
    def axes(self) -> tuple[str, ...]:
        """Names of the axes of a point."""
        return self.place.axes

    @property
    def groups(self) -> dict[str, Grouping]:
        """Divisions of the axes of a point."""
        return dict(self.place.groups)

    @property
    def output(self) -> Tensor:
        """The logit of the target for the images, [batch]."""
        return self.plain.gather(1, self.target[:, None])[:, 0]

    def generator(self) -> torch.Generator:
        """Return a generator that begins where that of this probe did."""
        generator = torch.Generator()
        generator.set_state(self._state)
        return generator

    @torch.no_grad()
    def _require_steady(self, again: Tensor) -> None:
        """Raise ConfigError where logits are not a function of an image: other draws in another pass or batch."""
        circuits = [part for part in self.model.modules() if isinstance(part, QuantumLayer | ReuploadLayer)]
        shots = [part.shots for part in circuits if part.shots is not None]
        if shots:
            raise ConfigError(f"shots: got {shots[0]:,}, expected exact expectations: model.with_engine('lightcone')")
        steady = torch.allclose(again, self.plain, rtol=1e-4, atol=1e-5, equal_nan=True)
        if not steady or not torch.equal(self._state_after(1), self._state_after(2)):
            raise ConfigError(
                f"model: got {shown_name(self.model)}, whose random numbers depend on the pass or on the batch; "
                "expected logits that follow from an image and the generator, as with the encoder rate"
            )

    def _state_after(self, count: int) -> Tensor:
        """Return the state of the generator after a pass of the first image, so many times."""
        generator = self.generator()
        logits_of(self.model, torch.cat([self.images[:1]] * count), generator)
        self.passes.forwards += count
        return generator.get_state()

    def aim(self, target: int | Tensor | None) -> None:
        """Set the class of each image whose logit is explained, by default the predicted one."""
        if target is None:
            return
        batch, classes = self.plain.shape
        expected = f"a class from 0 to {classes - 1}, or one for each of {batch} images"
        wanted: object = torch.full((batch,), int(target), device=self.plain.device) if is_whole(target) else target
        fits = isinstance(wanted, Tensor) and wanted.shape == (batch,) and wanted.dtype in WHOLE
        if not (isinstance(wanted, Tensor) and fits and bool(((wanted >= 0) & (wanted < classes)).all())):
            raise ConfigError(f"target: got {brief(target)}, expected {expected}")
        self.target = wanted.to(self.target)

    @torch.no_grad()
    def _read(self, images: Tensor) -> Tensor:
        """Return what the place holds for images, and count the passes that it takes."""

        def count(module: nn.Module, inputs: tuple[Tensor, ...], output: object) -> None:
            self.passes.forwards += len(inputs[0])

        hook = self.model.register_forward_hook(count)
        try:
            return self.place.read(images, self.generator())
        finally:
            hook.remove()

    def logits(self, points: Tensor, rows: Tensor | None = None) -> Tensor:
        """Return the logits [n, classes] of points [n, ...] of the images `rows` [n], by default one of each image."""
        self.passes.forwards += len(points)
        images = self.images if rows is None else self.images[rows]
        return self.place.logits(points, images, self.generator())

    def score(self, points: Tensor, rows: Tensor | None = None) -> Tensor:
        """Return the logit of the target [n] for points [n, ...], as `logits`."""
        target = self.target if rows is None else self.target[rows]
        return self.logits(points, rows).gather(1, target[:, None])[:, 0]

    @torch.no_grad()
    def scores(self, points: Callable[[Tensor, Tensor], Tensor], count: int) -> Tensor:
        """Return the logits of the target [batch, count] for `count` changed points of each image.

        `points(rows, numbers)` makes the points [n, ...] of these images and these changes; a few at a time, so that
        nothing larger than PASSES points is held.
        """
        batch = len(self.images)
        pairs = torch.arange(batch * count, device=self.point.device)
        found = [self.score(points(part // count, part % count), part // count) for part in pairs.split(PASSES)]
        return torch.cat(found).view(batch, count) if found else self.output.new_zeros(batch, 0)

    def gradient(self, points: Tensor, rows: Tensor | None = None) -> Tensor:
        """Return the gradient of the logit of the target by points [n, ...]; ConfigError where there is none."""
        variable = points.detach().requires_grad_()
        with torch.enable_grad():
            total = self.score(variable, rows).sum()
            gradient = torch.autograd.grad(total, variable, allow_unused=True)[0] if total.requires_grad else None
        self.passes.backwards += len(points)
        if gradient is None:
            raise ConfigError(
                f"at: got {self.at!r}, by which the logits of {shown_name(self.model)} have no gradient; expected a "
                "method that needs none, such as occlusion, or a later place"
            )
        return gradient

    def baseline(self, value: Baseline) -> Tensor:
        """Return the point [batch, ...] that stands for nothing; ConfigError on values of another shape."""
        if self.pixels_of is not None:
            return self._read(self.pixels_of.baseline(value))
        expected = f"a number, or {list(self.point.shape[1:])} as the {self.at} of an image"
        try:
            baseline = torch.as_tensor(value, dtype=self.point.dtype, device=self.point.device)
        except (TypeError, ValueError, RuntimeError) as error:
            raise ConfigError(f"baseline: got {brief(value)}, expected {expected}") from error
        require(bool(torch.isfinite(baseline).all()), "baseline", value, "finite numbers")
        try:
            return baseline.expand(self.point.shape)
        except RuntimeError as error:
            raise ConfigError(f"baseline: got shape {list(baseline.shape)}, expected {expected}") from error

    def cost(self) -> Cost:
        """Return what was spent so far."""
        seconds = time.perf_counter() - self._start
        return Cost(self.passes.forwards, self.passes.backwards, seconds, seconds / max(self.inference, 1e-9))

    def differentiable(self, straight: bool = False) -> Probe:
        """Return a probe whose place the logits have a gradient by: the spikes of the one encoder, or this one.

        The pixels give way where an encoder hands no gradient on, and with `straight` wherever it is not the identity
        at every step, since the way from a baseline to an image leads through the steps of a code. Raises ConfigError
        where the network does more with its images than encode them, or has several encoders.
        """
        if not isinstance(self.place, Pixels):
            return self
        encoders = {path: part for path, part in self.model.named_modules() if isinstance(part, Encoder)}
        opaque = self._opaque(encoders, straight)
        if not opaque:
            return self
        if len(encoders) > 1 or not self._encoded_alone(encoders[opaque[0]]):
            elsewhere = "the path of a layer" if len(encoders) > 1 else "spikes or the path of a layer"
            raise ConfigError(
                f"at: got {PIXELS!r} for a network with an encoder without gradient, {opaque[0]}, and another way from "
                f"the images; expected {elsewhere}, or a method without gradients: occlusion"
            )
        other = self._another(self.model, Spikes(self.model, encoders[opaque[0]], opaque[0]))
        other.pixels_of = self
        return other

    def on(self, model: nn.Module) -> Probe:
        """Return a probe of the same place, images and targets in another network of the same structure."""
        if self.pixels_of is None:
            return self._another(model, place_named(model, self.at))
        pixels = self.pixels_of.on(model)
        assert isinstance(self.place, Spikes)
        other = pixels._another(model, place_named(model, self.place.path))
        other.pixels_of = pixels
        return other

    def _another(self, model: nn.Module, place: Place) -> Probe:
        images = self.images.to(device_and_dtype(model)[1])
        other = Probe(model, images, self.at, place, self._state, self.passes)
        other._start, other.inference, other.target = self._start, self.inference, self.target
        return other

    def _opaque(self, encoders: dict[str, Encoder], straight: bool) -> list[str]:
        """Return the paths of the encoders that a gradient does not pass, or with `straight` not unchanged."""
        opaque: list[str] = []
        with contextlib.ExitStack() as stack, torch.enable_grad():
            for path, encoder in encoders.items():

                def see(trains: Tensor, unit: Tensor, path: str = path, step: float | None = encoder.step) -> Tensor:
                    if (unit.requires_grad and not trains.requires_grad) or (straight and step != 0):
                        opaque.append(path)
                    return trains

                stack.enter_context(emitting(encoder, see))
            logits_of(self.model, self.images[:1].detach().requires_grad_(), self.generator())
        return list(dict.fromkeys(opaque))

    @torch.no_grad()
    def _encoded_alone(self, encoder: Encoder) -> bool:
        """Say whether other images give the same logits with the same trains: the network sees nothing else of them."""
        first = self.images[:1]
        place = Spikes(self.model, encoder, "encoder")
        point = place.read(first, self.generator())
        other = (1 - first).clamp(0, 1)
        return torch.equal(place.logits(point, first, self.generator()), place.logits(point, other, self.generator()))


@contextlib.contextmanager
def drawing_alike(model: nn.Module) -> Iterator[None]:
    """Within the block, the rate encoders of a network compare every image with the same numbers."""
    encoders = [part for part in model.modules() if isinstance(part, Rate) and not part.alike]
    try:
        for encoder in encoders:
            encoder.alike = True
        yield
    finally:
        for encoder in encoders:
            del encoder.alike


@contextlib.contextmanager
def probing(
    model: nn.Module, images: Tensor, target: int | Tensor | None, at: str, generator: torch.Generator | None
) -> Iterator[Probe]:
    """Within the block, `model` is in evaluation mode and seen from the place `at`; after it, as it was.

    Raises ValueError where the images do not fit, `at` is no place of the network, or the target is no class.
    """
    checked_images(require_network(model), images)
    require(isinstance(at, str), "at", at, f"a name, such as {PIXELS}, or the path of a layer")
    state = (torch.Generator().manual_seed(EVALUATION_SEED) if generator is None else generator).get_state()
    threads = threads_for(step_work(model, len(images), images.shape))
    with computing_in(threads), drawing_alike(model), evaluating(model) as device:
        probe = Probe(model, images.to(device, device_and_dtype(model)[1]), at, place_named(model, at), state)
        probe.aim(target)
        yield probe
