"""The contract of a learning rule: what changes weights in training besides the gradient of the loss."""

from __future__ import annotations

import abc
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from torch import nn

from sqnn.core import Config

if TYPE_CHECKING:
    import lightning.pytorch as pl


@dataclass(frozen=True, kw_only=True)
class LearningRule(Config, abc.ABC):
    """What changes weights besides the gradient of the loss.

    A subclass is a frozen dataclass whose fields are its options, plain values with which a run stores it under `name`,
    and an entry of RULES, by which the run rebuilds it.
    `curves` are the columns of the run's history that it adds.
    """

    name: ClassVar[str]
    curves: ClassVar[tuple[str, ...]] = ()

    @abc.abstractmethod
    def check(self, model: nn.Module) -> None:
        """Raise ConfigError where the rule cannot act on the network."""

    @abc.abstractmethod
    def callback(self) -> pl.Callback:
        """Return a new callback of the training loop that carries the rule out.

        Its `state_dict` holds what it remembers from batch to batch, so that a resumed run ends as an undisturbed one.
        """
