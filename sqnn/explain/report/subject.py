"""The subject of a page: one image, what the network did with it, and the methods that were asked about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor, nn

from sqnn.explain.attribution import METHODS, Attribution, Method
from sqnn.explain.quality import broke_off
from sqnn.explain.recording import SpikeRecord
from sqnn.explain.report.story import MethodCost
from sqnn.metrics import predict_logits


@dataclass(frozen=True, eq=False)
class Subject:
    """One image, the network, and its record of that image alone.

    `label` is its true class, None where unknown; `target` the class that is explained, None for the answer.
    """

    model: nn.Module
    record: SpikeRecord
    classes: tuple[str, ...]
    label: int | None = None
    seed: int = 0
    target: int | None = None
    methods: list[MethodCost] = field(default_factory=list)
    """What was asked so far, what it took, and what failed."""

    @property
    def image(self) -> Tensor:
        """The image [1, channels, height, width]; of recordings [1, steps, ...]."""
        return self.record.images

    @cached_property
    def probabilities(self) -> Tensor:
        """Final probabilities [classes]."""
        return self.record.logits[0].double().softmax(0)

    @property
    def predicted(self) -> int:
        """The class that the network answers."""
        return int(self.record.logits[0].argmax())

    @property
    def answer(self) -> str:
        """The name of that class."""
        return self.classes[self.predicted]

    @property
    def runner_up(self) -> int:
        """The class of the second logit."""
        return int(self.record.logits[0].topk(2).indices[1])

    @property
    def explained(self) -> int:
        """The class whose logit is explained."""
        return self.predicted if self.target is None else self.target

    @property
    def rival(self) -> int:
        """The class of the largest logit but for the one explained: the runner-up, or the answer."""
        return self.runner_up if self.explained == self.predicted else self.predicted

    @property
    def targets(self) -> Tensor:
        """The classes that have maps: the one explained, its rival, and the true class of a misread image."""
        missed = [] if self.label in (None, self.predicted) else [self.label]
        return torch.tensor(list(dict.fromkeys([self.explained, self.rival, *missed])))

    def generator(self) -> torch.Generator:
        """Return a generator that begins at the seed of the page."""
        return torch.Generator().manual_seed(self.seed)

    def answers(self, images: Tensor) -> Tensor:
        """Return the probabilities [batch, classes] that the network gives other images."""
        return predict_logits(self.model, images).double().softmax(1)

    def ask(
        self,
        method: str | Method,
        at: str = "pixels",
        targets: Tensor | None = None,
        title: str | None = None,
        generator: torch.Generator | None = None,
    ) -> Attribution | str:
        """Return what a method finds for the logits of `targets` (the class explained), or in words why it cannot."""
        how = METHODS[method]() if isinstance(method, str) else method
        wanted = torch.tensor([self.explained]) if targets is None else targets
        images = self.image.expand(len(wanted), *self.image.shape[1:])

        def run() -> Attribution:
            return how.attribute(self.model, images, wanted, at, self.generator() if generator is None else generator)

        named = title or how.name
        return self.noted(named if at == "pixels" else f"{named} at {at}", run)

    def noted(self, title: str, run: Callable[[], Attribution]) -> Attribution | str:
        """Run a method and note what it took; where it raises an error, note that and return it in words."""
        try:
            found = run()
        except Exception as error:
            failed = str(error) if isinstance(error, ValueError) else f"broke off by {broke_off(error)}"
            self.methods.append(
                {"title": title, "forwards": None, "backwards": None, "seconds": None, "failed": failed}
            )
            return failed
        cost = found.cost
        self.methods.append(
            {
                "title": title,
                "forwards": cost.forwards,
                "backwards": cost.backwards,
                "seconds": cost.seconds,
                "failed": None,
            }
        )
        return found
