"""A layer of competing neurons that learns by STDP alone, and is read by its counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sqnn.core import Choices, option, require
from sqnn.encoding import Rate, SparseTrains
from sqnn.models.base import ModelConfig, Network, OwnRule, check_batch
from sqnn.plasticity import (
    COMPETITIVE_RULES,
    LABEL_READOUTS,
    Competition,
    LabelReadout,
    balanced,
    moved,
    trace_sums,
    unit_rows,
)

VOTERS: Choices[int] = Choices("rule", {"stdp": 3, "r-stdp": 1})
"""Winners of a step by default where nothing is learned."""
START_IMAGE = 0.3
"""Factor of the image at which a neuron starts."""
START_NOISE = 0.03
"""Largest of the uniform numbers that are added to it."""


@dataclass(frozen=True, kw_only=True)
class SNNWTAConfig(ModelConfig):
    """Every choice of the competing neurons. Raises ConfigError, naming the field, on a value that builds none."""

    rule: str = option("stdp", "what a spike changes", among=COMPETITIVE_RULES)
    neurons: int = option(500, "competing neurons", least=2)
    timesteps: int = option(25, "time steps of an image", least=1)
    readout: str = option("log-likelihood", "how counts become logits", among=LABEL_READOUTS)
    voters: int | None = option(None, "winners of a step where nothing is learned (default: 3; r-stdp: 1)", least=1)
    beta: float = option(0.9, "decay per step of membranes and of the traces of inputs", above=0, below=1)
    gain: float = option(0.3, "current of a step that equals a neuron's weights, in thresholds", above=0)
    input_norm: float = option(8.0, "Euclidean norm that all images are scaled to, before they are cut at 1", above=0)
    eta: float = option(
        0.3, "share of the way to its inputs that a neuron moves with a spike, at first", above=0, most=1
    )
    eta_end: float = option(0.003, "the same at the end; it falls geometrically", above=0, most=1)
    homeostasis: float = option(0.0003, "how fast thresholds follow the neurons' shares of the spikes", least=0)
    forget: float = option(0.998, "factor per batch by which counted responses fade", above=0, most=1)
    teacher: float = option(
        0.3,
        "share of the training in which only the right class competes (r-stdp)",
        least=0,
        most=1,
        where={"rule": ("r-stdp",)},
    )
    punish: float = option(
        1.0,
        "step away from a wrong spike, in steps towards its correction (r-stdp)",
        least=0,
        where={"rule": ("r-stdp",)},
    )

    def validate(self) -> None:
        super().validate()
        enough = self.rule == "stdp" or self.neurons >= self.num_classes
        require(enough, "neurons", self.neurons, f"at least one for each of the {self.num_classes} classes")
        fits = self.voters is None or self.voters <= self.neurons
        require(fits, "voters", self.voters, f"at most the {self.neurons} neurons")


class SNNWTA(Network):
    """Competing neurons: images [batch, channels, height, width] in [0, 1] -> logits [batch, num_classes].

    Images are scaled to one norm and become Bernoulli spikes s_t drawn from the generator; neuron j receives
    gain w_j . s_t / input_norm with |w_j| = 1. Neurons fire at 1 + theta_j, one at a time while they learn and at most
    `voters` otherwise, and reset all (`Competition`); counts of spikes become logits by the responses counted in
    training (`LabelReadout`).

    The network learns within `learn`, once per batch and without gradients, so that optimiser, learning rate and
    schedule have no effect: w_j moves towards the mean trace of its inputs (`moved`) and is scaled to norm 1, and
    theta_j rises by homeostasis * neurons * (mean count of neuron j - mean over the neurons) (`balanced`). Neurons
    start at images of the first batch.

    With rule `r-stdp` neuron j has the class j mod num_classes. In the first part of the training only neurons of the
    image's class compete (a teacher), and homeostasis acts within a class. Then all compete, and what is learned is the
    reward less the one expected: a decision that most spikes made right changes nothing; of another the wrong spikes
    repel their neurons, and the right class, competing alone, is drawn to the image. Thresholds stay.

    Source: Ferre, Mamalet and Thorpe, Front. Comput. Neurosci. 12, 24 (2018), for winner-take-all STDP by batches;
    homeostasis and rewards are this package's own.
    """

    config_class: ClassVar[type[ModelConfig]] = SNNWTAConfig
    parts: ClassVar[Mapping[str, str]] = {"weight": "spiking", "theta": "spiking"}
    training_defaults: ClassVar[Mapping[str, str | float]] = MappingProxyType({"epochs": 6})
    own_rule: ClassVar[OwnRule | None] = OwnRule(
        louder="raise gain ({gain:g}) or lower homeostasis ({homeostasis:g})",
        calmer="lower eta ({eta:g}), eta_end ({eta_end:g}) or homeostasis ({homeostasis:g})",
    )
    scale_field: ClassVar[str | None] = "neurons"
    config: SNNWTAConfig

    def __init__(self, config: SNNWTAConfig, generator: torch.Generator | None = None) -> None:
        super().__init__(config)
        generator = torch.Generator().manual_seed(0) if generator is None else generator
        height, width = config.image_size
        self.encoder = Rate(config.timesteps)
        self.competition = Competition(config.beta)
        drawn = torch.rand(config.neurons, config.in_channels * height * width, generator=generator)
        self.weight = nn.Parameter(unit_rows(drawn))
        self.theta = nn.Parameter(torch.zeros(config.neurons))
        self.labels = LabelReadout(config.neurons, config.num_classes, config.readout, config.forget)

    @property
    def classes(self) -> Tensor:
        """The class of each neuron under the rule r-stdp, [neurons]."""
        return torch.arange(self.config.neurons, device=self.weight.device) % self.config.num_classes

    def forward(self, images: Tensor, generator: torch.Generator | None = None) -> Tensor:
        with torch.no_grad():
            most = self.config.voters or VOTERS[self.config.rule]
            _, currents = self._receive(images, generator)
            return self.labels(self._counts(*self._compete(currents, most=most)))

    @torch.no_grad()
    def learn(
        self, images: Tensor, labels: Tensor, generator: torch.Generator | None = None, progress: float = 0.0
    ) -> tuple[Tensor, Tensor]:
        config, rewarded = self.config, self.config.rule == "r-stdp"
        if not self.labels.images.any():
            self._start(images, labels, rewarded)
        taught = rewarded and progress < config.teacher
        trains, currents = self._receive(images, generator)
        winners, fired = self._compete(currents, labels if taught else None)
        counts = self._counts(winners, fired)
        logits = self.labels(counts)
        dense, rate = trains.dense(self.weight.dtype), config.eta * (config.eta_end / config.eta) ** progress
        if rewarded and not taught:
            step = self._corrections(dense, currents, winners, fired, labels, rate)
        else:
            step = self._step(dense, winners, fired, rate)
            excess = balanced(counts, self.classes if rewarded else None)
            self.theta.add_(excess, alpha=config.homeostasis * config.neurons)
        self.weight.copy_(unit_rows(self.weight + step))
        self.labels.observe(counts, labels)
        return logits, F.cross_entropy(logits, labels)

    def _corrections(
        self, trains: Tensor, currents: Tensor, winners: Tensor, fired: Tensor, labels: Tensor, rate: float
    ) -> Tensor:
        """Return the step that the images teach which most spikes took for another class."""
        classes = self.classes[winners]
        votes = F.one_hot(classes, self.config.num_classes).mul_(fired[..., None]).sum((0, 2))
        missed = votes.argmax(1) != labels
        trains, currents, winners, labels = trains[:, missed], currents[:, missed], winners[:, missed], labels[missed]
        wrong = fired[:, missed] & (classes[:, missed] != labels[:, None])
        towards = self._step(trains, *self._compete(currents, labels), rate)
        return towards - self._step(trains, winners, wrong, min(1, rate * self.config.punish))

    def _receive(self, images: Tensor, generator: torch.Generator | None) -> tuple[SparseTrains, Tensor]:
        """Return the spikes of the inputs and the currents [time, batch, neurons] that they bring."""
        check_batch(images, self.config, self.weight.dtype)
        norm = self.config.input_norm
        trains = self.encoder.sparse((norm * unit_rows(images.flatten(1))).clamp(max=1), generator)
        return trains, trains.sums(self.weight.t() * (self.config.gain / norm))

    def _compete(self, currents: Tensor, labels: Tensor | None = None, most: int = 1) -> tuple[Tensor, Tensor]:
        """Return the winners; with labels only neurons of the images' classes compete."""
        allowed = None if labels is None else labels[:, None] == self.classes
        winners, fired = self.competition(currents, 1 + self.theta, allowed, min(most, self.config.neurons))
        return winners, fired

    def _counts(self, winners: Tensor, fired: Tensor) -> Tensor:
        """Return how often each neuron fired for each image, [batch, neurons]."""
        counts = self.weight.new_zeros(winners.shape[1], self.config.neurons)
        return counts.scatter_add_(1, *(part.transpose(0, 1).flatten(1) for part in (winners, fired.to(counts.dtype))))

    def _step(self, trains: Tensor, winners: Tensor, fired: Tensor, rate: float) -> Tensor:
        sums, counts = trace_sums(trains, winners, fired, self.config.beta, self.config.neurons)
        return moved(self.weight, sums, counts, rate)

    def _start(self, images: Tensor, labels: Tensor, by_class: bool) -> None:
        """Let every neuron start near an image, of its own class where it has one and the batch holds any."""
        neurons = torch.arange(self.config.neurons, device=labels.device)
        chosen = neurons % len(images)
        if by_class:
            for label in range(self.config.num_classes):
                of_class = (labels == label).nonzero()[:, 0]
                mine = self.classes == label
                if len(of_class):
                    chosen[mine] = of_class[torch.arange(int(mine.sum())) % len(of_class)]
        noise = START_NOISE * self.weight / self.weight.amax(1, keepdim=True)
        self.weight.copy_(unit_rows(START_IMAGE * images.flatten(1)[chosen] + noise))
