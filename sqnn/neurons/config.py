"""The options of spiking neurons, which every network that has some shares."""

from __future__ import annotations

from dataclasses import dataclass

from sqnn.core import Config, ConfigError, option, require
from sqnn.neurons.base import Neuron
from sqnn.neurons.registry import NEURONS
from sqnn.neurons.step import RESETS
from sqnn.neurons.surrogates import SURROGATES


@dataclass(frozen=True, kw_only=True)
class NeuronConfig(Config):
    """How the neurons of a network work. Raises ConfigError, naming the field, on values that no neuron takes."""

    neuron: str = option("if", "neuron model", among=NEURONS)
    beta: float = option(0.9, "decay of a neuron per step, in (0, 1), but for if", above=0, below=1)
    learn_beta: bool = option(False, "learn one decay per channel (lif only)")
    threshold: float = option(1.0, "firing threshold", above=0)
    learn_threshold: bool = option(False, "learn one threshold per channel")
    reset: str = option("subtract", "what a spike does to the membrane", among=RESETS)
    detach_reset: bool = option(False, "keep the gradient from flowing through the reset")
    initial_membrane: float = option(0.5, "membrane at the first step, in thresholds")
    surrogate: str = option("atan", "surrogate gradient", among=SURROGATES)
    synapse: float | None = option(
        None, "decay of the current per step (snntorch:Synaptic and snntorch:Alpha only)", above=0, below=1
    )

    def validate(self) -> None:
        super().validate()
        for name, learns in (("learn_beta", self.learn_beta), ("learn_threshold", self.learn_threshold)):
            able = [neuron for neuron, kind in NEURONS.items() if name in kind.options]
            fits = not learns or self.neuron in able
            require(fits, name, True, f"neuron {' or '.join(able)} ({self.neuron} has none to learn)")
        able = [neuron for neuron, kind in NEURONS.items() if "synapse" in kind.options]
        fits = self.synapse is None or self.neuron in able
        require(fits, "synapse", self.synapse, f"none, or neuron {' or '.join(able)} ({self.neuron} has no synapse)")
        try:
            self.make_neuron(channels=1)
        except ValueError as error:
            raise ConfigError(str(error)) from error

    def make_neuron(self, channels: int) -> Neuron:
        """Build one layer of neurons for so many channels."""
        kind, values = NEURONS[self.neuron], self.to_dict()
        learns = self.learn_beta or self.learn_threshold
        return kind(**{name: values[name] for name in kind.options}, channels=channels if learns else None)
