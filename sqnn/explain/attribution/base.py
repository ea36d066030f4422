"""The contract of a method of attribution, and what every method shares."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from torch import Tensor, nn

from sqnn.core import Config, ConfigError
from sqnn.explain.attribution.places import LAYER, NAMED, QUBITS
from sqnn.explain.attribution.probe import Baseline, Probe, probing
from sqnn.explain.attribution.result import Attribution, Grouping, Ledger, Twin
from sqnn.explain.attribution.silence import silence_note, silent_images, without_attribution


@dataclasses.dataclass(frozen=True, kw_only=True)
class Found:
    """What a method found: `values` [batch, ...], shaped as the point unless `axes` and `groups` say otherwise.

    With `complete` the method claims that the values add up to output - reference, and the error is measured;
    `unaccounted` [batch] is what it books elsewhere by right. `output` replaces the network's own logit where the
    method computes it otherwise, in another precision or of a twin, whose logits [batch, classes] are `twin`.
    """

    values: Tensor
    reference: Tensor
    output: Tensor | None = None
    twin: Tensor | None = None
    complete: bool = False
    unaccounted: Tensor | None = None
    ledger: Ledger | None = None
    axes: tuple[str, ...] | None = None
    groups: dict[str, Grouping] | None = None
    note: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Method(Config, ABC):
    """Base of all methods of attribution; the fields are its options.

    Subclass it to add a method, and name it in `METHODS`. It states

    - `name` and `title`, what it does in a sentence;
    - `at`: the places that it explains, of NAMED and "layer", which stands for the path of any layer;
    - `needs_target`: whether it explains the logit of one class; `by_default`: whether a page asks it for a map
      unless others are named;
    - `by_gradient`: whether it needs gradients; then pixels before an encoder that passes none stand for their spikes,
      and the values are added up over the steps of each pixel;
    - `straight`: whether it goes from a baseline to the image, which needs spikes before every code;
    - `explain(probe)`, the method itself.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    at: ClassVar[tuple[str, ...]] = (*NAMED[:-1], LAYER)
    needs_target: ClassVar[bool] = True
    by_default: ClassVar[bool] = False
    by_gradient: ClassVar[bool] = False
    straight: ClassVar[bool] = False

    @abstractmethod
    def explain(self, probe: Probe) -> Found:
        """Return the values of what `probe` sees."""

    def attribute(
        self,
        model: nn.Module,
        images: Tensor,
        target: int | Tensor | None = None,
        at: str = "pixels",
        generator: torch.Generator | None = None,
    ) -> Attribution:
        """Explain the logit of `target` for each image; the network is afterwards as it was.

        Values that `without_attribution` names are 0. Raises ConfigError where the method does not explain this place,
        and what `probing` raises.
        """
        if isinstance(at, str) and at in NAMED and not self.explains(at):
            raise self.elsewhere(at)
        with probing(model, images, target, at, generator) as plain:
            if not self.explains(at):
                raise self.elsewhere(at)
            probe = plain.differentiable(self.straight) if self.by_gradient else plain
            found = self.explain(probe)
            return self._attribution(probe, found, at, silent_images(plain))

    @classmethod
    def explains(cls, at: str) -> bool:
        """Say whether the method explains a place: one of NAMED, or the path of a layer."""
        return (at if at in NAMED else LAYER) in cls.at

    def elsewhere(self, at: str) -> ConfigError:
        """Return the error for a place that the method does not explain."""
        places = ", ".join("the path of a layer" if place == LAYER else place for place in self.at)
        return ConfigError(f"at: got {at!r} for the method {self.name}, expected one of {places}")

    def _attribution(self, probe: Probe, found: Found, at: str, silent: Tensor) -> Attribution:
        values, notes = found.values.detach(), [found.note]
        axes = probe.axes if found.axes is None else found.axes
        groups = probe.groups if found.groups is None else found.groups
        output = probe.output if found.output is None else found.output
        difference = output - found.reference
        if found.unaccounted is not None:
            difference = difference - found.unaccounted
        none = without_attribution(
            probe.plain, values, difference if found.complete else None, silent, self.by_gradient
        )
        if (none & ~silent.to(none.device) & values.flatten(1).any(1)).any():
            notes.append("what changes by less than rounding is 0")
        values = values.masked_fill(none.view(-1, *(1 for _ in values.shape[1:])), 0)
        difference = difference.masked_fill(none, 0)
        error = (values.flatten(1).sum(1) - difference).abs() if found.complete else None
        if probe.pixels_of is not None and "timestep" in axes:
            step = axes.index("timestep")
            values, axes = values.sum(step), tuple(name for name in axes if name != "timestep")
            notes.append("the encoder passes no gradient: pixels stand for their spikes, added up over the steps")
        notes.append(silence_note(silent))
        if self.by_gradient and not found.values.any() and not silent.all():
            notes.append("the gradient is zero everywhere")
        result = Attribution(
            values=values,
            method=self.name,
            at=at,
            axes=axes,
            target=probe.target,
            output=output.detach(),
            reference=found.reference.detach(),
            cost=probe.cost(),
            completeness_error=None if error is None else error.detach(),
            ledger=found.ledger,
            groups=groups,
            note="; ".join(note for note in notes if note),
            twin=None if found.twin is None else Twin(found.twin.detach(), probe.plain.detach()),
            silent=silent,
        )
        if at == QUBITS and "qubit" in groups:
            return dataclasses.replace(result.groupby("qubit"))
        return result


__all__ = ["Attribution", "Baseline", "Found", "Grouping", "Ledger", "Method", "Probe", "Twin"]
