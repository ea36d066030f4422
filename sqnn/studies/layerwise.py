"""What the studies of layer-wise hybrid networks share: which networks, and the choices they are built from."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, ClassVar, cast

from torch import nn

from sqnn.core import require, require_one_of
from sqnn.data import ImageData
from sqnn.encoding import PLANE_SURROGATES, RESCALINGS
from sqnn.models import MODELS, HAS8Config, create_model

LAYERED: tuple[str, ...] = tuple(
    name for name, network in MODELS.items() if issubclass(network.config_class, HAS8Config)
)
"""Networks made of stages with an ordinary and a spiking branch."""
ENCODED: tuple[str, ...] = ("hybrid", "no-ann")
"""Variants with an encoder in every stage; without ordinary branches, the encoders alone carry the gradient."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class LayeredStudy:
    """The network of a study and what is varied in it.

    `width`, `hidden` and `encoding_alpha` left at None are as `sizes` says, or else as the network's configuration
    says. Raises ConfigError on an unknown name, a count that is not positive, or values that build no network.
    """

    sizes: ClassVar[Mapping[str, Any]] = MappingProxyType({})

    model: str = "has8-vgg"
    width: int | None = None
    hidden: tuple[int, ...] | None = None
    encoding_alpha: float | None = None
    variants: tuple[str, ...] = ENCODED
    surrogates: tuple[str, ...] = tuple(PLANE_SURROGATES)
    seeds: int = 5

    def __post_init__(self) -> None:
        require_one_of("model", self.model, LAYERED)
        for field in ("variants", "surrogates"):
            object.__setattr__(self, field, known_names(field, getattr(self, field), self.known(field)))
        require_count("seeds", self.seeds)
        self.config()

    def config(self, **options: Any) -> HAS8Config:
        """Return the configuration of a network of the study; `options` are more of its fields."""
        return cast(HAS8Config, MODELS[self.model].config_class.from_dict({**self.network, **options}))

    @classmethod
    def known(cls, field: str) -> tuple[str, ...]:
        """Return the names among which those of a field are chosen."""
        return {"variants": ENCODED, "surrogates": tuple(PLANE_SURROGATES), "rescalings": tuple(RESCALINGS)}[field]

    @property
    def network(self) -> dict[str, Any]:
        """What all networks of the study have in common, as options of their configuration."""
        fields = {field.name for field in dataclasses.fields(MODELS[self.model].config_class)}
        usual = {name: value for name, value in self.sizes.items() if name in fields}
        asked = {"width": self.width, "hidden": self.hidden, "encoding_alpha": self.encoding_alpha}
        return usual | {name: value for name, value in asked.items() if value is not None}

    def build(self, data: ImageData, seed: int, **options: Any) -> nn.Module:
        """Return the network for `data`, its weights drawn from `seed`; `options` are fields of its configuration."""
        return create_model(self.model, data, seed=seed, **self.network, **options)


def require_count(name: str, value: Any, least: int = 1) -> None:
    """Raise ConfigError unless the value is a whole number of at least `least`."""
    whole = isinstance(value, int) and not isinstance(value, bool)
    require(whole and value >= least, name, value, f"a whole number of at least {least}")


def known_names(field: str, given: Iterable[str], known: Iterable[str]) -> tuple[str, ...]:
    """Return the names once each, in their order; ConfigError where one is unknown or there is none."""
    names, valid = tuple(dict.fromkeys(given)), tuple(known)
    for name in names:
        require(name in valid, field, name, f"some of {', '.join(valid)}")
    require(bool(names), field, given, f"some of {', '.join(valid)}")
    return names
