"""Recipes train what they say, and the network as published is one of them."""

from __future__ import annotations

import pytest

import sqnn
from sqnn.training import RECIPES, TrainingConfig


@pytest.mark.parametrize("name", RECIPES)
def test_every_setting_of_a_recipe_is_one_of_its_network_or_of_the_training(name: str) -> None:
    recipe = RECIPES[name]
    config_class = sqnn.MODELS[recipe.model].config_class
    assert vars(config_class.from_dict(recipe.options)).items() >= dict(recipe.options).items()
    assert vars(TrainingConfig.from_dict(recipe.training)).items() >= dict(recipe.training).items()
    assert recipe.data in sqnn.DATASETS


@pytest.mark.parametrize("name", RECIPES)
def test_no_recipe_has_more_parameters_than_the_published_network(name: str) -> None:
    recipe = RECIPES[name]
    image = {"digits": (8, 8)}.get(recipe.data, (28, 28))
    model = sqnn.MODELS[recipe.model]
    network = model(model.config_class(**recipe.options, image_size=image))
    assert sqnn.count(network).total <= 803
