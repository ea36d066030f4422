"""Recipes train what they say, and the network as published is one of them."""

from __future__ import annotations

from pathlib import Path

import pytest

import sqnn
from sqnn.cli import main
from sqnn.training import RECIPES, RunFolder, TrainingConfig


@pytest.mark.parametrize("name", RECIPES)
def test_every_setting_of_a_recipe_is_one_of_its_network_or_of_the_training(name: str) -> None:
    recipe = RECIPES[name]
    config_class = sqnn.MODELS[recipe.model].config_class
    assert vars(config_class.from_dict(recipe.options)).items() >= dict(recipe.options).items()
    assert vars(TrainingConfig.from_dict(recipe.training)).items() >= dict(recipe.training).items()
    assert recipe.data in sqnn.DATASETS


@pytest.mark.parametrize("name", [name for name, recipe in RECIPES.items() if recipe.model == "sqdr-cnn"])
def test_no_recipe_has_more_parameters_than_the_published_network(name: str) -> None:
    recipe = RECIPES[name]
    image = {"digits": (8, 8)}.get(recipe.data, (28, 28))
    model = sqnn.MODELS[recipe.model]
    network = model(model.config_class(**recipe.options, image_size=image))
    assert sqnn.count(network).total <= 803


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            "--recipe digit",
            "recipe: got 'digit', expected one of digits, mnist, paper, sqdr-cnn-803, sqdr-cnn-2000, mnist-mlp; "
            "did you mean 'digits'?",
        ),
        ("--recipe digits --model vit", "recipe: digits is one of sqdr-cnn, got model 'vit' beside it; leave one out"),
    ],
)
def test_a_recipe_that_does_not_fit_is_refused(words: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", *words.split()]) == 2
    assert capsys.readouterr().err == f"sqnn: {message}\n"


def test_options_stand_over_the_recipe(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = "train --recipe digits --n-qubits 2 --channels 2,2 --epochs 1 --no-progress --out"
    assert main([*words.split(), str(tmp_path / "run")]) == 0
    settings = RunFolder(tmp_path / "run").run_settings()
    assert (settings.config.n_qubits, settings.config.channels, settings.training.epochs) == (2, (2, 2), 1)
    recipe = {**RECIPES["digits"].training, "epochs": 1}
    assert vars(settings.training).items() >= recipe.items()
