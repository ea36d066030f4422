"""Networks of the studies of layer-wise hybrids, and the choices that they are built from."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar, TypeVar, cast

from torch import nn

from sqnn.core import option
from sqnn.data import ImageData
from sqnn.encoding import PLANE_SURROGATES
from sqnn.models import MODELS, HAS8Config, create_model
from sqnn.studies.runner import Study

Cell = TypeVar("Cell")
LAYERED: tuple[str, ...] = tuple(
    name for name, network in MODELS.items() if issubclass(network.config_class, HAS8Config)
)
"""Networks made of stages with an ordinary and a spiking branch."""
ENCODED: tuple[str, ...] = ("hybrid", "no-ann")
"""Variants with an encoder in every stage; without ordinary branches, the encoders alone carry the gradient."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class LayeredStudy(Study[ImageData, Cell]):
    """The network of a study and what is varied in it.

    `width`, `hidden` and `encoding_alpha` left at None are as `sizes` says, or else as the network's configuration
    says. Raises ConfigError on an unknown name, a count that is not positive, or values that build no network.
    """

    takes: ClassVar[str] = "data"
    sizes: ClassVar[Mapping[str, object]] = MappingProxyType({})

    model: str = option("has8-vgg", "network", among=LAYERED)
    width: int | None = option(None, "width of the network (default: its own)", least=1)
    hidden: tuple[int, ...] | None = option(None, "dense layers of has8-vgg, with commas (default: its own)", least=1)
    encoding_alpha: float | None = option(
        None, "steepness of sigmoid-sine and tanh-sine (default: the network's)", above=0
    )
    variants: tuple[str, ...] = option(ENCODED, "variants of the network, with commas", among=ENCODED)
    surrogates: tuple[str, ...] = option(
        tuple(PLANE_SURROGATES), "surrogates of the encoders, with commas", among=PLANE_SURROGATES
    )
    seeds: int = option(5, "how many draws of the weights, seeds 0, 1, ...", least=1)

    def validate(self) -> None:
        super().validate()
        self.config()

    def config(self, **options: object) -> HAS8Config:
        """Return the configuration of a network of the study; `options` are more of its fields."""
        return cast(HAS8Config, MODELS[self.model].config_class.from_dict({**self.network, **options}))

    @property
    def network(self) -> dict[str, object]:
        """What all networks of the study have in common, as options of their configuration."""
        fields = {field.name for field in dataclasses.fields(MODELS[self.model].config_class)}
        usual = {name: value for name, value in self.sizes.items() if name in fields}
        asked = {"width": self.width, "hidden": self.hidden, "encoding_alpha": self.encoding_alpha}
        return usual | {name: value for name, value in asked.items() if value is not None}

    def build(self, data: ImageData, seed: int, **options: object) -> nn.Module:
        """Return the network for `data`, its weights drawn from `seed`; `options` are fields of its configuration."""
        return create_model(self.model, data, seed=seed, **self.network, **options)
