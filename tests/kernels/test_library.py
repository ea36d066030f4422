"""Kernels on a machine with a compiler, without one, with a broken one, and turned off."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from sqnn.core import ConfigError
from sqnn.kernels import library, pooled_rates
from sqnn.kernels.library import KERNELS, kernels, kernels_asked


@pytest.fixture(autouse=True)
def afresh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Look for kernels anew, in an empty cache, and again after the test."""
    monkeypatch.setattr(library, "_folder", lambda: tmp_path)
    monkeypatch.delenv(KERNELS, raising=False)
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setattr(library, "kernels", kernels)
    kernels.cache_clear()
    yield
    kernels.cache_clear()


def test_they_are_compiled_once_and_loaded_from_then_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if kernels().library is None:
        pytest.skip(kernels().line)
    assert "compiling kernels" in capsys.readouterr().err
    (built,) = tmp_path.iterdir()
    before = built.stat().st_mtime_ns
    kernels.cache_clear()
    assert kernels().library is not None
    assert capsys.readouterr().err == ""
    assert built.stat().st_mtime_ns == before


def test_without_a_compiler_pytorch_computes_and_the_reason_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    assert kernels_asked() == "none asked for"
    monkeypatch.setattr(library.shutil, "which", lambda name: None)
    assert pooled_rates(torch.ones(1, 1, 1, 4, 4), []) is None
    assert kernels_asked() == "none: no C++ compiler was found (install g++ or clang++, or set CXX)"
    kernels.cache_clear()
    monkeypatch.setenv(KERNELS, "on")
    with pytest.raises(ConfigError, match="SQNN_KERNELS: got 'on', and there are none: no C"):
        kernels()


def test_a_compiler_that_fails_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.write_text("#!/bin/sh\necho it is broken >&2\nexit 3\n")
    broken.chmod(0o755)
    monkeypatch.setenv("CXX", str(broken))
    assert kernels().line == f"none: {broken} failed: it is broken"
    assert list(tmp_path.iterdir()) == [broken]


def test_they_can_be_turned_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KERNELS, "off")
    assert kernels() == (None, "none: turned off by SQNN_KERNELS")
    kernels.cache_clear()
    monkeypatch.setenv(KERNELS, "perhaps")
    with pytest.raises(ConfigError, match="SQNN_KERNELS: got 'perhaps', expected auto, on or off"):
        kernels()


def test_importing_compiles_nothing() -> None:
    command = "import sqnn.layers, sqnn.kernels; print(sqnn.kernels.kernels_asked())"
    run = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "none asked for"
