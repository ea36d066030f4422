"""Tables of the options of networks, studies and the training loop."""

from __future__ import annotations

from noise_models import unknown
from sqnn.core import ConfigError, Option, OptionTable, describe, limits_of, meaning


def options(name: str) -> OptionTable:
    """Return the options of a network, of a study or of `training`: field, default, limits and meaning.

    They are the fields that `create_model`, `fit` and the studies take by name, in the words of the command line.
    Raises ConfigError on an unknown name.
    """
    from sqnn.models import MODELS, ModelConfig
    from sqnn.training import TrainingConfig, term_options

    if name in MODELS:
        return describe(MODELS[name].config_class, name, ModelConfig.data_fields)
    if name == "training":
        table = describe(TrainingConfig, name)
        terms = (Option(term, "0", limits_of(field), meaning(field)) for term, field in term_options().items())
        return OptionTable(table.title, (*table.options, *terms))
    # The studies load more than networks and training do.
    from sqnn.studies import STUDIES

    if name in STUDIES:
        return describe(STUDIES[name], name)
    raise ConfigError(unknown("name", name, (*MODELS, "training", *STUDIES)))
