"""The settings of a run: everything that its folder stores to begin it or to resume it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import yaml
from torch import nn

from sqnn.core import ConfigError, brief, read_yaml, reason, write_yaml
from sqnn.models import SEPARATOR, Make, ModelConfig, OwnConfig, build, make_own, model_class
from sqnn.plasticity import RULES, LearningRule
from sqnn.training.settings import TrainingConfig
from sqnn.training.terms import TERMS, LossTerm, split_terms


@dataclass(frozen=True, kw_only=True)
class RunSettings:
    """Network, training and images of a run.

    `model` is a name of MODELS, or that of a network of the user's own, such as "module:Class". `data` says where the
    images came from (`ImageData.source`), or is a name alone where nothing does, and `data_sha256` is their
    fingerprint. `callbacks` are the class names of the user's Lightning callbacks. `rule` is what changes weights
    beside the gradient. `initial` is the file of the weights that the run began with, None where the seed drew them.
    """

    model: str
    config: ModelConfig | OwnConfig
    training: TrainingConfig
    data: Mapping[str, Any]
    data_sha256: str | None = None
    terms: tuple[LossTerm, ...] = ()
    callbacks: tuple[str, ...] = ()
    rule: LearningRule | None = None
    initial: str | None = None

    def build(self, make: Make | None = None) -> nn.Module:
        """Build the network with the weights that the seed draws; one of a user's own is made by `make`.

        ConfigError where that is missing, superfluous, or makes a network with weights of other names or shapes.
        """
        seed = self.training.seed
        if isinstance(self.config, OwnConfig):
            if make is None:
                raise ConfigError(
                    f"model: the run trains a network of your own, {self.model}, and stores no code; give what makes "
                    "it: resume(folder, model=function)"
                )
            return make_own(make, seed, self.model, self.config.layout)
        if make is not None:
            raise ConfigError(f"model: the run trains a network of the package, {self.model}; leave model out")
        return build(self.model, self.config, seed=seed)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values; what is empty is left out."""
        values = {
            "model": self.model,
            "config": self.config.to_dict(),
            "training": self.training.to_dict(),
            "terms": [{"name": term.name, **term.to_dict()} for term in self.terms],
            "rule": self.rule and {"name": self.rule.name, **self.rule.to_dict()},
            "callbacks": list(self.callbacks),
            "data": dict(self.data),
            "data_sha256": self.data_sha256,
            "initial": self.initial,
        }
        return {name: value for name, value in values.items() if value not in (None, [])}

    def to_yaml(self) -> str:
        """Return the settings as YAML text that `from_yaml` reads back."""
        return write_yaml(self.to_dict())

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], terms: Sequence[LossTerm] = ()) -> Self:
        """Build from what `to_dict` returned; `terms` are objects for the stored ones that TERMS does not list.

        In runs of version 0.1 the weight of a term is one of the training settings. Raises ConfigError where the values
        describe no run.
        """
        weights, training = split_terms(values["training"])
        own = SEPARATOR in values["model"]
        kind = OwnConfig if own else model_class(values["model"]).config_class
        return cls(
            model=values["model"],
            config=kind.from_stored(values["config"]),
            training=TrainingConfig.from_dict(training),
            data=values["data"],
            data_sha256=values.get("data_sha256"),
            terms=(*weights, *(_stored_term(term, terms) for term in values.get("terms", []))),
            callbacks=tuple(values.get("callbacks", ())),
            rule=_stored_rule(values.get("rule")),
            initial=values.get("initial"),
        )

    @classmethod
    def from_yaml(cls, text: str) -> Self:
        """Build from YAML text; ConfigError where it describes no run."""
        try:
            return cls.from_dict(read_yaml(text))
        except (yaml.YAMLError, TypeError, KeyError) as error:
            raise ConfigError(f"settings: describe no run ({reason(error)})") from error


def _stored_rule(stored: Mapping[str, Any] | None) -> LearningRule | None:
    """Return the learning rule that a run was begun with."""
    if stored is None:
        return None
    options = {key: value for key, value in stored.items() if key != "name"}
    return RULES.pick(stored["name"], "rule", ConfigError).from_stored(options)


def _stored_term(stored: Mapping[str, Any], own: Sequence[LossTerm]) -> LossTerm:
    """Return the term that a run was begun with: one of the user's own, or one from TERMS."""
    name, options = stored["name"], {key: value for key, value in stored.items() if key != "name"}
    for term in own:
        if term.name == name:
            if term.to_dict() != options:
                raise ConfigError(f"terms: got {term!r}, expected {name} with the options of the run, {brief(options)}")
            return term
    if name not in TERMS:
        raise ConfigError(f"terms: got none called {brief(name)}, expected the one of the run; pass it as terms=[...]")
    return TERMS[name].from_dict(options)
