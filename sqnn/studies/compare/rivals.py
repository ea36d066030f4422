"""Rivals of a comparison: networks of the package, recipes, and networks of a user's own, by their spelling."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, cast

import torch
import yaml
from torch import nn

from noise_models import unknown
from sqnn.core import ConfigError, brief, read_yaml, reason, require
from sqnn.data import ImageData, cut
from sqnn.metrics import count
from sqnn.models import MODELS, SEPARATOR, Make, OwnModel, code_of, create_model, factory_name, layout_of, make_own
from sqnn.studies.compare.budget import check_below, largest_widths
from sqnn.studies.seeds import DIGITS, VARIED, as_text, as_words, parse_settings, plan
from sqnn.training import RECIPES, TrainingConfig, check_fit

FORMS = "a network, a recipe, name:field=value:field=value, or file.py:function of your own, each after label= or not"
KNOWN = (*MODELS, *RECIPES)
NETWORK = rf"(?=\s*(?:(?:{'|'.join(map(re.escape, KNOWN))})\s*(?:[:,]|$)|[^,:=]+:[A-Za-z_]\w*(?:[:,]|$)))"
"""What comes before a network of the package or a function of one's own."""
LABEL = rf"\s*[^,:=/]*[^,:=/\s]\s*={NETWORK}"
"""A label and its sign before a network."""
NO_LABEL = rf"(.*)={NETWORK}"
"""What stands in the place of a label, whatever it is."""
LABELS = "a label with a name in it and without , : = and /, as in mine=snn-mlp"
BETWEEN_NETWORKS = rf",(?={LABEL})|,(?!\s*(?:\.?\d|\w+=))"
"""A comma before a label, or before neither a number nor a setting: those belong to widths, or to a noise."""
BETWEEN_SETTINGS = r":(?=\w+=)"


@dataclasses.dataclass(frozen=True)
class Rival:
    """A network of a comparison under its label, before it is sized for images.

    `settings` are those of a network of the package that are given, its name as `model` among them, `usual` those of
    its recipe's training; `make` makes a network of a user's own. `text` is how it was named, where it was by a text.
    """

    label: str
    settings: Mapping[str, object] = dataclasses.field(default_factory=dict)
    usual: Mapping[str, object] = dataclasses.field(default_factory=dict)
    make: Make | None = None
    text: str = ""

    @property
    def spelling(self) -> str:
        """The text that names the network under its label; the label alone where it was no text."""
        return self.label if self.text in ("", self.label) else f"{self.label}={self.text}"

    def entry(self, data: ImageData, budget: int | None, training: Mapping[str, object]) -> Entry:
        """Return the network as it takes part on these images, no larger than the budget; `training` are settings of
        the comparison, which replace those of a recipe and give way to those that are given for this network.

        ConfigError where it does not fit the images or the budget.
        """
        with self.named_in_errors():
            return self._entry(data, budget, training)

    @contextmanager
    def named_in_errors(self) -> Iterator[None]:
        """Within the block, errors begin with the label."""
        try:
            yield
        except ValueError as error:
            raise ConfigError(f"models: {self.label}: {error}") from error

    def _entry(self, data: ImageData, budget: int | None, training: Mapping[str, object]) -> Entry:
        if self.make is not None:
            network = make_own(self.make, 0, self.label)
            check_below(budget, count(network).total)
            check_fit(network, data, learns=True)
            config = TrainingConfig.for_model(network, training)
            loop = {name: value for name, value in config.to_dict().items() if name not in VARIED}
            code = code_of(self.make)
            made = {"layout": layout_of(network)[:DIGITS], "code": None if code is None else code[:DIGITS]}
            text = as_words({**made, **loop, "images": data.fingerprint[:DIGITS]})
            return Entry(self, {}, training, config, text, code)
        chosen = plan({**self.usual, **self.settings})
        given = {name: value for name, value in chosen.training.items() if name in self.settings}
        chosen = chosen._replace(training={**chosen.training, **training, **given})
        if budget is not None:
            chosen = chosen._replace(network=largest_widths(budget, chosen.model, data, chosen.network))
        settings = chosen.resolve(data)
        return Entry(self, chosen.network, chosen.training, settings.training, as_text(settings))


@dataclasses.dataclass(frozen=True)
class Entry:
    """A rival sized for one image set: the options of its network, the arguments of `fit`, and all settings as text.

    `code` is the digest of the code of a network of a user's own, where there is one.
    """

    rival: Rival
    network: Mapping[str, Any]
    training: Mapping[str, Any]
    config: TrainingConfig
    text: str
    code: str | None = None

    def build(self, data: ImageData, seed: int) -> nn.Module:
        """Return the network, its weights drawn from `seed`; ConfigError where its file is another than it was."""
        if self.rival.make is not None:
            network = make_own(self.rival.make, seed, self.rival.label)
            # Only a file can change while the trainings run: what is pickled keeps its code, not always its text.
            if isinstance(self.rival.make, OwnModel) and code_of(self.rival.make) != self.code:
                raise ConfigError(
                    f"models: the code of {self.rival.label} changed while it was trained; give the command again"
                )
            return network
        return create_model(str(self.rival.settings["model"]), data, seed=seed, **self.network)

    @property
    def named(self) -> dict[str, str]:
        """The name under which a run stores a network of a user's own, as an argument of `fit`."""
        return {} if self.rival.make is None else {"name": factory_name(self.rival.make)}

    def passes(self, images: int, steps: int, epochs: int) -> int:
        """Return the passes over so many images that make an epoch, such that all epochs have `steps` steps or more."""
        passes = max(1, (-(-steps // epochs) - 1) * self.config.batch_size // images)
        while epochs * len(cut(torch.arange(passes * images), self.config.batch_size)) < steps:
            passes += 1
        return passes


def parse_models(value: object) -> tuple[Rival, ...]:
    """Return the rivals that texts, functions, or a mapping from labels to either name; ConfigError on anything else.

    `name:field=value` sets options of a network or of its training, and `file.py:function:width=8` arguments of the
    function; `label=` may stand before either. Texts may hold several, with commas.
    """
    if isinstance(value, Mapping):
        for label in value:
            require(bool(str(label).strip()), "models", label, "labels with a name in them: models={'mine': ...}")
        rivals = [_rival(each, str(label)) for label, each in value.items()]
    else:
        listed = value if isinstance(value, list | tuple) else [value]
        rivals = [rival for each in listed for rival in (_listed(each) if isinstance(each, str) else [_rival(each)])]
        value = listed[0] if len(listed) == 1 else value
    require(bool(rivals), "models", value, FORMS)
    for number, rival in enumerate(rivals):
        if rival.label in [other.label for other in rivals[:number]]:
            mend = f"mine={rival.text}" if rival.text else "models={'mine': ...}"
            raise ConfigError(
                f"models: got {brief(rival.label)} twice, expected networks with labels of their own: {mend}"
            )
    return tuple(rivals)


def _listed(text: str) -> list[Rival]:
    """Return the rivals that a text with commas names; ConfigError says where a comma may be that of a label."""
    parts = [part for part in re.split(BETWEEN_NETWORKS, text) if part.strip()]
    rivals: list[Rival] = []
    for part, after in zip(parts, [*parts[1:], ""], strict=False):
        try:
            rivals.append(_rival(part))
        except ConfigError as error:
            if "=" in part or not re.match(LABEL, after):
                raise
            raise ConfigError(f"{error}; or, before {brief(after.strip())}, {LABELS}") from error
    return rivals


def _rival(value: object, label: str = "") -> Rival:
    if isinstance(value, Rival):
        return value
    if isinstance(value, nn.Module):
        raise ConfigError(
            f"models: got a {type(value).__name__}, expected a function or a class that makes it: each seed trains a "
            "network of its own"
        )
    if callable(value):
        return Rival(label or factory_name(value), make=cast(Make, value))
    if not isinstance(value, str):
        raise ConfigError(f"models: got {brief(value)}, expected {FORMS}")
    text = value.strip()
    if named := re.match(LABEL, text):
        label, text = label or named[0][:-1].strip(), text[named.end() :].strip()
    name, *words = re.split(BETWEEN_SETTINGS, text)
    odd = None if name in KNOWN else re.match(NO_LABEL, text)
    if odd is not None and not (SEPARATOR in name and "/" in odd[1]):  # which is a path
        raise ConfigError(f"models: got {brief(odd[1])} as a label, expected {LABELS}")
    if SEPARATOR in name and name.partition(SEPARATOR)[0] not in KNOWN:
        return Rival(label or text, make=OwnModel(name, _plain(words)), text=text)
    if name.endswith(".py"):
        example = f"{name}{SEPARATOR}make"
        raise ConfigError(f"models: got {brief(text)}, expected a function of that file as well, such as {example}")
    if name not in KNOWN:
        raise ConfigError(
            f"{unknown('models', name.rpartition('=')[2] or name, KNOWN)}; or file.py:function of your own"
        )
    recipe = None if name in MODELS else RECIPES[name]
    base: dict[str, object] = {"model": name} if recipe is None else {"model": recipe.model, **recipe.options}
    given = parse_settings(words, str(base["model"]), "models")
    require("model" not in given, "models", text, "settings of one network, and its name before them")
    rival = Rival(label or text, {**base, **given}, {} if recipe is None else dict(recipe.training), text=text)
    with rival.named_in_errors():
        plan(rival.settings)
    return rival


def _plain(words: Sequence[str]) -> dict[str, Any]:
    """Return the arguments of a user's function as plain values."""
    parts = [word.partition("=") for word in words]
    try:
        return {name: read_yaml(value) for name, _, value in parts}
    except yaml.YAMLError as error:
        raise ConfigError(
            f"models: got {brief(SEPARATOR.join(words))}, expected plain values ({reason(error)})"
        ) from error
