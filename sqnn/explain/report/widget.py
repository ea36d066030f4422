"""The viewer as a widget: it asks for neurons to be silenced or to fire, and is told the story anew."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

import anywidget  # type: ignore[import-not-found]
import traitlets
from torch import Tensor, nn

from sqnn.core import Choices, ConfigError, is_whole, require
from sqnn.explain.behaviour import changed_spikes
from sqnn.explain.recording import record
from sqnn.explain.report import sections
from sqnn.explain.report.names import neuron_name
from sqnn.explain.report.page import HEAD_METHOD, begin, read_asset
from sqnn.explain.report.story import Story
from sqnn.explain.report.subject import Subject

ACTIONS: Choices[float | None] = Choices("action", {"silence": 0.0, "fire": 1.0, "release": None})
"""What can be done to a neuron, and what its train is then: never a spike, one at every step, or its own."""


class Explorer(anywidget.AnyWidget):  # type: ignore[misc]
    """One image through a network, step by step; neurons can be silenced, made to fire, and released.

    `silence`, `fire` and `release` do from Python what the buttons below a membrane do. `record` is what the network
    does now, with the changes.
    """

    _esm = read_asset("viewer.js")
    _css = read_asset("viewer.css")
    story = traitlets.Dict().tag(sync=True)

    def __init__(self, model: nn.Module, image: Tensor, classes: tuple[str, ...] | None, label: int | None) -> None:
        self.model, self.image, self.label = model, image, label
        self.changes: dict[tuple[str, int], float] = {}
        self.record = record(model, image)
        numbers = tuple(map(str, range(self.record.logits.shape[1])))
        self.classes = numbers if classes is None else classes
        require(len(self.classes) == len(numbers), "classes", self.classes, f"{len(numbers)} names, one per logit")
        require(label is None or (is_whole(label) and 0 <= label < len(numbers)), "label", label, "a class number")
        self._before = self.record.logits[0].double().softmax(0).tolist()
        super().__init__(story=self._told())
        self.on_msg(lambda widget, message, buffers: self.act(**message))

    def silence(self, layer: str, neuron: int) -> None:
        """Let a neuron, by its flat number within a layer, never fire."""
        self.act("silence", layer, neuron)

    def fire(self, layer: str, neuron: int) -> None:
        """Let a neuron fire at every step."""
        self.act("fire", layer, neuron)

    def release(self, layer: str | None = None, neuron: int | None = None) -> None:
        """Let a neuron do what it computes again; all of a layer, or of all layers, where none is named.

        ConfigError where there is no such layer or neuron.
        """
        if layer is not None and neuron is not None:
            self.act("release", layer, neuron)
            return
        require(neuron is None, "layer", layer, f"the name of the layer of neuron {neuron}")
        if layer is not None:
            _ = self.record[layer]  # names what is no layer
        self.changes = {} if layer is None else {one: value for one, value in self.changes.items() if one[0] != layer}
        self._retell()

    def act(self, action: str, layer: str, neuron: int) -> None:
        """Do one of ACTIONS to a neuron; ConfigError where there is none of this layer and number."""
        value = ACTIONS.pick(action, error=ConfigError)
        count = self.record[layer].spikes[0, 0].numel()
        require(
            is_whole(neuron) and 0 <= neuron < count, "neuron", neuron, f"a number from 0 to {count - 1:,} in {layer}"
        )
        before = dict(self.changes)
        self.changes.pop((layer, neuron), None)
        if value is not None:
            self.changes[layer, neuron] = value
        try:
            self._retell()
        except ConfigError:
            self.changes = before
            raise

    def _retell(self) -> None:
        with ExitStack() as stack:
            for layer in {name for name, _ in self.changes}:
                stack.enter_context(changed_spikes(self.model, layer, self._change_of(layer)))
            self.record = record(self.model, self.image)
            self.set_trait("story", self._told())

    def _change_of(self, layer: str) -> Any:
        numbers = [neuron for name, neuron in self.changes if name == layer]
        values = [self.changes[layer, neuron] for neuron in numbers]

        def change(spikes: Tensor) -> Tensor:
            changed = spikes.flatten(2).clone()
            changed[:, :, numbers] = spikes.new_tensor(values)
            return changed.view_as(spikes)

        return change

    def _told(self) -> Story:
        subject = Subject(self.model, self.record, self.classes, self.label)
        answer = sections.answer(subject)
        if self.changes:
            words = {0.0: "silent", 1.0: "firing"}
            each = [
                f"{neuron_name(layer, self.record[layer].neurons, neuron)}: {words[value]}"
                for (layer, neuron), value in self.changes.items()
            ]
            answer |= {"changed": "; ".join(each), "before": self._before}
        story = begin(subject, f"Why {subject.answer}?", answer)
        story["sections"] |= {
            "time": sections.trains(subject, None),
            "head": sections.head(subject, HEAD_METHOD),
        }
        return story
