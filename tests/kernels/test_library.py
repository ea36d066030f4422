"""Kernels on a machine with a compiler, without one, with a broken one, and turned off."""

from __future__ import annotations

import ctypes
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from torch import nn

import sqnn
from circuits.kernels import KERNELS, Kernels, library
from sqnn.kernels import kernels, pooled_rates, rule_of
from sqnn.layers import kernels_for
from sqnn.neurons import IF, gpu_kernels

FOLDER = library._folder


@pytest.fixture(autouse=True)
def afresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Look for kernels anew, and again after the test."""
    monkeypatch.delenv(KERNELS, raising=False)
    monkeypatch.delenv("CXX", raising=False)
    kernels.cache_clear()
    yield
    kernels.cache_clear()


@pytest.fixture
def empty(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An empty cache."""
    monkeypatch.setattr(library, "_folder", lambda: tmp_path)


@pytest.fixture
def small(empty: None, tmp_path: Path) -> Callable[[], Kernels]:
    """What loads a library of one line."""
    source = tmp_path / "sources" / "small.cpp"
    source.parent.mkdir()
    source.write_text('#include "angles.h"\nextern "C" void sqnn_count(int64_t* to) { *to = sqnn::LANES; }\n')
    return lambda: library.load("the kernels of a test", [source], {"sqnn_count": (ctypes.c_void_p,)})


def test_they_are_compiled_once_and_loaded_from_then_on(
    small: Callable[[], Kernels], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = small()
    if found.library is None:
        pytest.skip(found.line)
    assert "compiling the kernels of a test" in capsys.readouterr().err
    (built,) = tmp_path.glob("*.so")
    before = built.stat().st_mtime_ns
    counted = torch.zeros(1, dtype=torch.int64)
    again = small().library
    assert again is not None
    again.sqnn_count(counted.data_ptr())
    assert counted.item() == again.sqnn_lanes() in (4, 8, 16)
    assert capsys.readouterr().err == ""
    assert built.stat().st_mtime_ns == before


@pytest.mark.usefixtures("empty")
def test_without_a_compiler_pytorch_computes_and_the_reason_is_given(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(library.shutil, "which", lambda name: None)
    block = (nn.Conv2d(1, 1, 3, padding=1, bias=False), nn.BatchNorm2d(1), IF())
    assert pooled_rates(torch.ones(1, 1, 1, 4, 4), [(*block[:2], rule_of(*block))]) is None
    why = "no C++ compiler was found (install g++ or clang++, or set CXX)"
    assert kernels().line == f"none: {why}"
    told = f"sqnn: PyTorch computes without the kernels of layers, which is slower: {why}\n"
    assert capsys.readouterr().err == told, "once, however often they are asked for"
    kernels.cache_clear()
    monkeypatch.setenv(KERNELS, "on")
    with pytest.raises(ValueError, match="SQNN_KERNELS: got 'on', and there are none: no C"):
        kernels()


@pytest.mark.usefixtures("empty")
def test_a_compiler_that_fails_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.write_text("#!/bin/sh\necho it is broken >&2\nexit 3\n")
    broken.chmod(0o755)
    monkeypatch.setenv("CXX", f"{broken} -m64")
    monkeypatch.setattr(library, "COMPILERS", ())
    assert kernels().line == f"none: {broken} -m64 failed: it is broken"
    assert list(tmp_path.iterdir()) == [broken]


def test_the_next_compiler_is_tried_and_a_damaged_library_compiled_again(
    small: Callable[[], Kernels], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    opened, refusals = library._open, [OSError("damaged")]

    def damaged_once(path: Path) -> object:
        if refusals:
            raise refusals.pop()
        return opened(path)

    monkeypatch.setenv("CXX", "false --option")
    found = small()
    if found.library is None:
        pytest.skip(found.line)
    assert "false" not in found.line
    assert "sqnn: CXX: false --option failed" in capsys.readouterr().err
    monkeypatch.setattr(library, "_open", damaged_once)
    capsys.readouterr()
    assert small().line.startswith("compiled by")
    assert refusals == []
    assert "compiling the kernels of a test" in capsys.readouterr().err


def test_where_kernels_have_to_be_there_only_the_compiler_that_is_named_counts(
    small: Callable[[], Kernels], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if small().library is None:
        pytest.skip("there is no compiler")
    monkeypatch.setenv(KERNELS, "on")
    assert small().library is not None
    monkeypatch.setenv("CXX", "nonsense -m64")
    for _ in range(2):  # another compiler's library lies in the cache
        with pytest.raises(ValueError, match=r"SQNN_KERNELS: got 'on', and there are none: nonsense -m64 failed"):
            small()
    monkeypatch.setenv(KERNELS, "auto")
    for _ in range(2):
        capsys.readouterr()
        assert small().library is not None
        assert "sqnn: CXX: nonsense -m64 failed" in capsys.readouterr().err


def test_a_cache_that_cannot_be_written_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import pooch

    (tmp_path / "file").touch()
    monkeypatch.setattr(pooch, "os_cache", lambda name: tmp_path / "file" / name)
    assert kernels().line.startswith("none: no folder to keep them in (")
    assert kernels().line.endswith("set XDG_CACHE_HOME to one that you can write to")
    (told,) = capsys.readouterr().err.splitlines()
    assert told.startswith("sqnn: PyTorch computes without the kernels of layers, which is slower: no folder to keep ")
    assert str(tmp_path / "file") in told


def test_a_cache_that_others_may_write_to_is_not_trusted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import pooch

    monkeypatch.setattr(library, "_folder", FOLDER)
    monkeypatch.setattr(pooch, "os_cache", lambda name: tmp_path)
    (tmp_path / "kernels").mkdir()
    (tmp_path / "kernels").chmod(0o777)
    assert f"{tmp_path / 'kernels'} may be written to by others" in kernels().line


def test_they_can_be_turned_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KERNELS, "off")
    assert kernels() == (None, "none: turned off by SQNN_KERNELS", 0)
    kernels.cache_clear()
    monkeypatch.setenv(KERNELS, "perhaps")
    with pytest.raises(ValueError, match="SQNN_KERNELS: got 'perhaps', expected auto, on or off"):
        kernels()


def test_nothing_is_said_where_they_are_turned_off(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(KERNELS, "off")
    assert kernels().library is None
    assert capsys.readouterr().err == ""


def test_importing_compiles_nothing() -> None:
    counted = "print(*(room.kernels.cache_info().currsize for room in (c, s, n)))"
    command = f"import sqnn.layers, circuits.kernels as c, sqnn.kernels as s, sqnn.neurons.compiled as n; {counted}"
    run = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["0", "0", "0"]


def test_a_run_names_the_kernels_of_its_network_whoever_trained_it() -> None:
    spiking, plain = sqnn.create_model("sqdr-cnn"), sqnn.create_model("tiny-cnn")
    assert kernels_for(spiking) == f"layers and circuit, {kernels().line}"
    read = sqnn.create_model("sqdr-cnn", readout="spike")
    assert kernels_for(read) == f"layers, neurons and circuit, {kernels().line}"
    assert kernels_for(plain) == "none: no layer of this network takes them"
    on_gpus = gpu_kernels()
    assert kernels_for(spiking, "cuda") == (f"neurons, {on_gpus.line}" if on_gpus.available else on_gpus.line)
    assert kernels_for(plain, "cuda") == "none: trained on cuda"
    assert kernels_for(spiking.eval()) == kernels_for(spiking)
    other = sqnn.create_model("sqdr-cnn", entangling_gate="cnot")
    assert kernels_for(other) == kernels_for(spiking).replace("layers and circuit", "layers")
    learned = sqnn.create_model("sqdr-cnn", learn_threshold=True)
    assert kernels_for(learned) == kernels_for(spiking).replace("layers and circuit", "circuit")
    spiking.frontend.compiled = False
    assert kernels_for(spiking) == f"neurons and circuit, {kernels().line}"
    assert kernels_for(sqnn.create_model("snn-mlp")) == f"neurons, {kernels().line}"
