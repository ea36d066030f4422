"""What a row says of the code that measured it, where that is not installed or nothing describes it."""

from __future__ import annotations

import importlib.metadata
import shutil

import pytest

from sqnn.core import commit, version_of
from sqnn.training import versions


@pytest.fixture
def checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python as it is where sqnn lies on the path alone, without git."""
    real = importlib.metadata.distribution

    def distribution(name: str) -> importlib.metadata.Distribution:
        if name == "sqnn":
            raise importlib.metadata.PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr(importlib.metadata, "distribution", distribution)
    monkeypatch.setattr(shutil, "which", lambda name: None)


def test_a_checkout_that_is_not_installed_is_said_to_be_so(checkout: None) -> None:
    assert commit.__wrapped__() == "not installed"
    assert versions()["sqnn"] == "not installed"
    assert versions()["torch"] == importlib.metadata.version("torch")
    assert version_of("no-such-package") == "not installed"


def test_without_git_rows_name_the_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert commit.__wrapped__() == importlib.metadata.version("sqnn")
