"""Peers: each that is installed computes what our engine does; what is not pinned is found."""

from __future__ import annotations

import sys
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from circuits import DataReupload, make_engine, resolve_noise
from sqnn.bench import PEERS, Peer, check_peers
from sqnn.bench.peer_check import TOLERANCES, disagreements, pins
from sqnn.bench.peers import Pass, torch_pass
from sqnn.bench.peers.jax import without_gpu
from sqnn.bench.quantum import disagreement, draw

ROOT = Path(__file__).parents[2]
EAGER = [name for name, peer in PEERS.items() if peer.circuit and peer.installed() and not peer.compiles]
COMPILED = [name for name, peer in PEERS.items() if peer.circuit and peer.installed() and peer.compiles]
NOISY = [name for name, peer in PEERS.items() if peer.noisy and peer.installed()]


def test_there_are_peers_to_compare() -> None:
    assert {"pennylane", "pennylane-lightning", "pennylane-one-by-one"} <= set(EAGER)
    assert {"aer", "pennylane-mixed"} <= set(NOISY)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", EAGER)
@given(st.integers(2, 5), st.integers(1, 3), st.sampled_from(["ring", "line", "all"]), st.integers(1, 4))
@settings(max_examples=8, deadline=None)
def test_a_peer_gives_our_values_and_gradients(name: str, n: int, depth: int, entangler: str, batch: int) -> None:
    circuit, peer = DataReupload(n, depth, entangler), PEERS[name]
    for dtype in peer.precisions:
        inputs, weights = draw(circuit, batch, "cpu", dtype)
        ours = torch_pass(make_engine("lightcone", circuit), inputs, weights)
        assert disagreement(peer.circuit(circuit, inputs, weights), ours) < TOLERANCES[dtype]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", COMPILED)
def test_a_compiled_peer_gives_our_values_and_gradients_and_says_what_it_took(name: str) -> None:
    circuit, peer = DataReupload(3, 2), PEERS[name]
    for dtype in peer.precisions:
        inputs, weights = draw(circuit, 3, "cpu", dtype)
        ours = torch_pass(make_engine("lightcone", circuit), inputs, weights)
        theirs = peer.circuit(circuit, inputs, weights)
        assert disagreement(theirs, ours) < TOLERANCES[dtype]
        assert [part.dtype for part in theirs.results()] == [dtype] * 3
        assert theirs.compile_seconds > 0


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", NOISY)
def test_a_noisy_peer_gives_our_values(name: str) -> None:
    circuit = DataReupload(3, 2)
    noise = resolve_noise("depolarizing:0.02", circuit)
    inputs, weights = draw(circuit, 2, "cpu", torch.float64)
    exact = make_engine("lightcone", circuit, noise=noise)(inputs, weights)
    shots = 4096 if any(task.startswith("shots") for task in PEERS[name].noisy_batches) else None
    values = PEERS[name].noisy(circuit, noise, shots)(inputs, weights)
    tolerance = TOLERANCES[torch.float64] if shots is None else 6 / shots**0.5
    assert (values - exact).abs().max() < tolerance


@pytest.mark.skipif(not PEERS["bindsnet"].installed(), reason="BindsNET is not installed")
def test_bindsnet_changes_weights_as_our_pair_rule_does_with_coincidences_for_both() -> None:
    from sqnn.plasticity import PairSTDP

    generator = torch.Generator().manual_seed(0)
    pre, post = ((torch.rand(25, 8, n, generator=generator) < 0.2).float() for n in (20, 6))
    weight = torch.rand(6, 20, generator=generator)
    found = PEERS["bindsnet"].windows(weight, pre, post)
    for (title, window), batch in zip(found.items(), ("sum", "mean"), strict=True):
        assert batch in title
        ours = PairSTDP(coincidence="both", batch=batch).window(weight, pre, post)
        assert ours.abs().max() > 1e-3
        for _ in range(2):  # nothing is left from the window before
            torch.testing.assert_close(window(), ours, atol=1e-6, rtol=1e-5)


def test_windows_of_peers_take_part_where_they_are_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    from sqnn.bench.plasticity import PlasticityBenchmark, window_updates
    from sqnn.core import Choices

    def windows(weight, pre, post):
        return {"theirs": lambda: weight * float(pre.sum() + post.sum())}

    here = Peer("here", "here", "here", ("torch",), windows=windows)
    away = Peer("away", "away", "away", ("no_such_module",), windows=windows)
    peers = Choices("peers", {"away": away, "here": here, "aer": PEERS["aer"]})
    monkeypatch.setattr("sqnn.bench.plasticity.PEERS", peers)
    calls = window_updates(PlasticityBenchmark(hidden=3, timesteps=4, batch=2))
    assert list(calls) == ["pairs, additive", "pairs, soft bounds", "pairs, nearest", "triplets", "theirs"]
    assert {tuple(call().shape) for call in calls.values()} == {(3, 784)}


def test_a_peer_without_its_packages_is_not_installed() -> None:
    assert not Peer("a", "a", "a", ("no_such_module",)).installed()
    assert not Peer("a", "a", "a", ("torch", "no_such_module")).installed()
    assert Peer("a", "a", "torch", ("torch",)).installed()
    assert Peer("a", "a", "torch").version == version("torch")
    assert Peer("a", "a", "no-such-distribution").version == ""


def test_a_peer_that_is_wrong_is_named() -> None:
    def shifted(circuit, inputs, weights) -> Pass:
        right = torch_pass(make_engine("lightcone", circuit), inputs, weights)
        return Pass(lambda: tuple(part + 2e-5 for part in right.run()))

    assert "differs from sqnn by 2" in disagreements(Peer("wrong", "wrong", "none", circuit=shifted))


def test_another_version_than_the_one_pinned_is_wrong(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("sqnn.bench.peers.peer.find_spec", lambda name: None)
    right = version("torch").partition("+")[0]
    (tmp_path / "more.txt").write_text(
        "-r right.txt\n# numpy==0.1\nno-such-package==1.0\ntorch-not-this>=1\nnumpy==0.1\n"
    )
    (tmp_path / "right.txt").write_text(f"torch=={right}\n")
    assert pins(tmp_path / "more.txt") == [("torch", right), ("no-such-package", "1.0"), ("numpy", "0.1")]
    more = tmp_path / "more.txt"
    wrong = [finding for finding in check_peers([more]) if finding.wrong]
    assert [(finding.name, finding.remark) for finding in wrong] == [("numpy", f"expected 0.1, as {more} says")]
    missing = [finding.name for finding in check_peers(required=[more]) if finding.wrong]
    assert missing == ["no-such-package", "numpy"]


def test_no_peer_asks_for_another_torch() -> None:
    """What the files of requirements install never names the packages that the library pins otherwise."""
    library = dict(pins(ROOT / "constraints.txt"))
    for path in sorted((ROOT / "benchmarks").glob("requirements*.txt")):
        for package, expected in pins(path):
            assert library.get(package, expected) == expected
            assert package not in ("torch", "torchvision")


def test_a_peer_is_asked_where_it_computes() -> None:
    everywhere, nowhere_else = Peer("a", "a", "a"), Peer("b", "b", "b", cpu_only=True)
    asked = [Peer("c", "c", "c", cpu_only=lambda answer=answer: answer) for answer in (True, False)]
    assert [each.computes_on("cuda") for each in (everywhere, nowhere_else, *asked)] == [True, False, False, True]
    assert all(each.computes_on("cpu") for each in (everywhere, nowhere_else, *asked))


@pytest.mark.parametrize(("devices", "without"), [(["gpu 0"], False), (RuntimeError("no gpu"), True), (None, True)])
def test_peers_on_jax_compute_on_a_gpu_where_jax_has_one(
    monkeypatch: pytest.MonkeyPatch, devices: list[str] | Exception | None, without: bool
) -> None:
    def answer(kind: str) -> list[str]:
        assert kind == "gpu"
        if isinstance(devices, Exception):
            raise devices
        assert devices is not None
        return devices

    # None in place of a module is one that cannot be imported.
    jax = None if devices is None else SimpleNamespace(devices=answer)
    monkeypatch.setitem(sys.modules, "jax", jax)
    for name in ("NPROC", "XLA_FLAGS", "XLA_PYTHON_CLIENT_PREALLOCATE"):
        monkeypatch.setenv(name, "1")
    assert without_gpu() is without
