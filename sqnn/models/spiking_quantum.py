"""A quantum head on a front-end that is written elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import ClassVar

import torch
from torch import Tensor, nn

from sqnn.core import RAISED, Choices, ConfigError, reason, torch_numbers, whole
from sqnn.data import ImageData
from sqnn.encoding import Encoder, Frames
from sqnn.layers import FrontEnd, libraries_of
from sqnn.models.create import DataShape, require_network
from sqnn.models.initial import reset_parameters
from sqnn.models.quantum_head import HeadConfig, QuantumHead, make_circuit, make_head, own_circuit
from sqnn.neurons import Neuron

BOUNDS: Choices[Callable[[Tensor], Tensor]] = Choices(
    "bound", {"none": lambda values: values, "tanh": torch.tanh, "sigmoid": torch.sigmoid}
)
"""What keeps angles within bounds: nothing, within -1 and 1 times `angle_scale`, or within 0 and 1 times it."""


class SpikingQuantum(QuantumHead):
    """Any front-end with a quantum head: images [batch, channels, height, width] -> logits [batch, num_classes].

    frontend -> features [batch, features] -> angles = angle_scale * bound(W features + b) [batch, 3 n_qubits] ->
    circuit -> <Z> [batch, n_qubits] -> head -> logits.

    `frontend` is a module of snnTorch, SpikingJelly, Norse, sinabs, this package or torch; `timesteps`, `encoding`,
    `pool` and `convention` say how it is called and read, as `FrontEnd` has it. `data` gives the number of classes, and
    one call on blank, white and random images of its size, or recordings, the number of `features`; without it, both
    `features` and `num_classes` are needed. `options` are fields of `HeadConfig`: n_qubits, n_blocks,
    entangler, noise, shots, angle_scale, mlp, ... The weights of the head are drawn from `seed`; those of the
    front-end stay as they are. `circuit`, a `circuits.QuantumLayer` or `ReuploadLayer`, takes the place of the circuit,
    with the weights that it has.

    It is a network of one's own for `fit`, `evaluate`, `predict`, `count`, `save_model` and `load_model`, which takes
    what makes it again. Raises ConfigError naming what does not fit.
    """

    training_defaults: ClassVar[Mapping[str, str | float]] = MappingProxyType(
        {"batch_size": 32, "learning_rate": 0.005}
    )

    def __init__(
        self,
        frontend: nn.Module,
        data: DataShape | None = None,
        *,
        features: int | None = None,
        num_classes: int | None = None,
        timesteps: int | None = None,
        encoding: str | Encoder = "direct",
        pool: str = "rate",
        convention: str | None = None,
        bound: str = "none",
        seed: int = 0,
        circuit: object = None,
        **options: object,
    ) -> None:
        super().__init__()
        require_network(frontend, "frontend")
        BOUNDS.pick(bound, error=ConfigError)
        if data is not None and not isinstance(data, DataShape):
            raise ConfigError(f"data: got {type(data).__name__}, expected an ImageData, such as load_data returns")
        if data is not None and num_classes is not None:
            raise ConfigError(f"num_classes: is taken from the data ({data.num_classes}), got {num_classes} beside it")
        classes = num_classes if data is None else data.num_classes
        self.frontend = FrontEnd(frontend, pool=pool, timesteps=timesteps, encoding=encoding, convention=convention)
        if features is None and data is not None:
            features = self._features(data)
        if features is None or classes is None:
            missing = "features" if features is None else "num_classes"
            raise ConfigError(
                f"{missing}: got None, expected a number, or data= to take it from: SpikingQuantum(frontend, data)"
            )
        own = None if circuit is None else own_circuit(circuit, options)
        outputs = {} if own is None else {"n_qubits": own.n_outputs}
        self.config = HeadConfig.from_dict({**options, **outputs, "num_classes": classes})
        self.bound = bound
        generator = torch.Generator().manual_seed(seed)
        with torch.random.fork_rng(devices=[]):  # torch's layers draw weights as they are made, which ours replace
            angles = 3 * self.config.n_qubits if own is None else own.n_inputs
            self.linear = nn.Linear(whole("features", features), angles)
            self.circuit = make_circuit(self.config, generator) if own is None else own
            self.head = make_head(self.config, self.circuit.n_outputs)
        reset_parameters(self.linear, generator)
        if self.head is not None:
            reset_parameters(self.head, generator)

    @property
    def parts(self) -> Mapping[str, str]:
        """Kind of each part, as `count` has it; a front-end without spiking neurons is classical."""
        neurons = any(isinstance(part, Neuron) for part in self.frontend.modules())
        spiking = "spiking" if neurons or libraries_of(self.frontend) else "classical"
        return {"frontend": spiking, "linear": "classical", "circuit": "quantum", "head": "classical"}

    def angles(self, images: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Return the data angles [batch, 3 n_qubits] in radians that the circuit reads for these images."""
        features = self.frontend(images, generator)
        if features.shape[1] != self.linear.in_features:
            raise ConfigError(
                f"features: got {features.shape[1]} of the front-end, expected the {self.linear.in_features} that the "
                "network was made for"
            )
        return self.config.angle_scale * BOUNDS[self.bound](self.linear(features.to(self.linear.weight.dtype)))

    def forward(self, images: Tensor, generator: torch.Generator | None = None) -> Tensor:
        return self.classify(self.angles(images, generator), generator)

    @torch.no_grad()
    def _features(self, data: DataShape) -> int:
        """Return the number of features that the front-end gives for images or recordings of the data's size."""
        modes = {part: part.training for part in self.frontend.modules()}
        like = next(self.frontend.parameters(), torch.zeros(()))
        timesteps = data.timesteps if isinstance(data, ImageData) else None
        if timesteps is None and isinstance(self.frontend.encoder, Frames):
            raise ConfigError("encoding: got frames for images, expected recordings of events; or leave it out")
        shape = (*(() if timesteps is None else (timesteps,)), data.in_channels, *data.image_size)
        drawing = torch.Generator().manual_seed(0)
        # A network that gives spikes alone shows it where one comes.
        tried = torch.stack([torch.zeros(shape), torch.ones(shape), torch.rand(shape, generator=drawing)])
        try:
            with torch_numbers(0):
                features: Tensor = self.frontend.eval()(tried.to(like.device, like.dtype), drawing)
        except ConfigError:
            raise
        except RAISED as error:  # the user's own code may raise anything
            kinds = "images [batch, channels, height, width]" if timesteps is None else "recordings [batch, time, ...]"
            raise ConfigError(
                f"frontend: fails on {list(tried.shape)} ({type(error).__name__}: {reason(error)}), expected a module "
                f"that takes {kinds}; nn.Flatten() first makes one of linear layers"
            ) from error
        finally:
            for part, training in modes.items():
                part.training = training
        return features.shape[1]
