"""Optimisers and learning rate schedules by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from torch import nn
from torch.optim import SGD, Adam, AdamW, Optimizer
from torch.optim.lr_scheduler import CosineAnnealingLR, LRScheduler, OneCycleLR

from noise_models import Choices

if TYPE_CHECKING:
    from sqnn.training.settings import TrainingConfig

MOMENTUM = 0.9
"""Momentum of stochastic gradient descent, the customary value."""
MIN_ONE_CYCLE_STEPS = 8
"""Fewest steps of a one-cycle schedule: PyTorch divides by the length of each phase, zero in a run of one step."""

MakeOptimizer = Callable[[Iterable[nn.Parameter], "TrainingConfig"], Optimizer]
MakeSchedule = Callable[[Optimizer, "TrainingConfig", int], LRScheduler | None]

OPTIMIZERS: Choices[MakeOptimizer] = Choices(
    "optimizer",
    {
        "adam": lambda weights, c: Adam(weights, c.learning_rate, weight_decay=c.weight_decay),
        "adamw": lambda weights, c: AdamW(weights, c.learning_rate, weight_decay=c.weight_decay),
        "sgd": lambda weights, c: SGD(weights, c.learning_rate, momentum=MOMENTUM, weight_decay=c.weight_decay),
    },
)
SCHEDULES: Choices[MakeSchedule] = Choices(
    "schedule",
    {
        "one-cycle": lambda optimizer, c, steps: OneCycleLR(
            optimizer, c.learning_rate, total_steps=max(steps, MIN_ONE_CYCLE_STEPS)
        ),
        "cosine": lambda optimizer, c, steps: CosineAnnealingLR(optimizer, steps),
        "constant": lambda optimizer, c, steps: None,
    },
)
"""Each is built from the optimiser, the settings and the number of steps of the run."""
