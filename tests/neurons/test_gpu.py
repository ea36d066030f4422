"""The kernels for GPUs, interpreted on the CPU, give the plain loop's spikes, membranes and gradients."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.testing import assert_close

from circuits.kernels import KERNELS
from sqnn.neurons import IF, LIF, RESETS, compiled, gpu

pytest.importorskip("triton", reason="Triton, which comes with PyTorch for GPUs, is not installed")


def on_a_gpu(patch: pytest.MonkeyPatch, calls: list[str]) -> None:
    """Have the kernels for GPUs compute in place of those for CPUs, and note when they do."""

    def fire(*given: Any) -> None:
        calls.append("fire")
        gpu.fire(*given)

    def fire_backward(grad_spikes: Any, grad_membranes: Any, membranes: Any, grad: Any, *rest: Any) -> None:
        calls.append("back")
        *numbers, surrogate = rest
        slope = 2 / surrogate.slope, math.pi**2 * surrogate.slope / 2
        laid_out = (compiled._laid_out(each, membranes) for each in (grad_spikes, grad_membranes))
        gpu.fire_backward(*laid_out, membranes, grad, *numbers, *slope)

    patch.setattr(compiled, "computes", lambda currents: compiled.in_one_piece(currents))
    patch.setattr(compiled, "fire", fire)
    patch.setattr(compiled, "fire_backward", fire_backward)


@settings(max_examples=25)
@given(
    options=st.fixed_dictionaries(
        {
            "beta": st.sampled_from([0.5, 0.75, 1.0]),
            "threshold": st.sampled_from([0.25, 1.0, 1.5]),
            "reset": st.sampled_from(list(RESETS)),
            "detach_reset": st.booleans(),
            "initial_membrane": st.sampled_from([0.0, 0.5, -0.25]),
        }
    ),
    shape=st.sampled_from([(1, 2, 3), (5, 1, 1), (4, 3, 700), (3, 2, 2, 5, 5)]),
    layout=st.sampled_from(["contiguous", "expanded"]),
    reads=st.sampled_from(["s", "u", "su"]),
    seed=st.integers(0, 999),
)
def test_kernels_equal_the_plain_loop(
    options: dict[str, Any], shape: tuple[int, ...], layout: str, reads: str, seed: int
) -> None:
    """Currents are multiples of 1/8, so that no sum of the loop is rounded, in whichever order it is taken."""
    generator = torch.Generator().manual_seed(seed)
    currents = torch.randint(-16, 24, shape, generator=generator) / 8
    currents = currents[:1].expand(shape) if layout == "expanded" else currents
    weights = torch.randn(2, *shape, generator=generator)
    results = []
    for fused in (True, False):
        leaf, calls = currents.detach().requires_grad_(), list[str]()
        neuron = LIF(**options, fused=fused)
        with pytest.MonkeyPatch.context() as patch:
            on_a_gpu(patch, calls)
            both = neuron(leaf, return_membrane=True)
            with torch.no_grad():
                alone = neuron(leaf)
            read = [(out, weight) for name, out, weight in zip("su", both, weights, strict=True) if name in reads]
            (grad,) = torch.autograd.grad([out for out, _ in read], leaf, [weight for _, weight in read])
        assert calls == (["fire", "fire", "back"] if fused else [])
        results.append((*(each.detach() for each in both), alone, grad))
    for ours, plain in zip(results[0][:3], results[1][:3], strict=True):
        assert torch.equal(ours, plain)
    assert_close(results[0][3], results[1][3], rtol=1e-5, atol=1e-6)


def test_what_is_no_number_fires_nothing() -> None:
    currents, spikes = torch.tensor([[float("nan"), 2.0], [2.0, float("inf")]]), torch.empty(2, 2)
    gpu.fire(currents, spikes, None, 1.0, 1.0, 0.0, "subtract")
    assert spikes.tolist() == [[0, 1], [0, 1]]
    assert IF(fused=False)(currents[:, None]).tolist() == spikes[:, None].tolist()


@pytest.mark.parametrize(("initial", "threshold"), [(0.3, 0.7), (0.1, 1.1), (-0.7, 0.9)])
def test_the_first_membrane_is_rounded_as_by_the_plain_loop(initial: float, threshold: float) -> None:
    currents, membranes = torch.zeros(1, 4), torch.empty(1, 4)
    gpu.fire(currents, torch.empty(1, 4), membranes, 1.0, threshold, initial, "subtract")
    wanted = torch.full((1, 4), initial).mul_(threshold)
    assert torch.equal(membranes, wanted)


def test_kernels_that_fail_leave_the_work_to_pytorch(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*given: object) -> None:
        raise RuntimeError("Failed to find C compiler.\nPlease specify via CC")

    monkeypatch.setattr(gpu, "fire", fail)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch, "empty", lambda *size, device: torch.zeros(*size))
    monkeypatch.delenv(KERNELS, raising=False)
    look = gpu.kernels.__wrapped__
    found = look()
    why = "Triton failed: Failed to find C compiler. Please specify via CC"
    assert found == (False, f"none: {why}")
    assert why in capsys.readouterr().err
    monkeypatch.setenv(KERNELS, "on")
    with pytest.raises(ValueError, match=f"{KERNELS}: got 'on', and there are no kernels for GPUs: Triton failed"):
        look()
    monkeypatch.setenv(KERNELS, "off")
    assert look() == (False, f"none: turned off by {KERNELS}")


ON_A_GPU = """
import torch
from sqnn.neurons import LIF, compiled
generator = torch.Generator().manual_seed(0)
currents = torch.randn(5, 3, 700, generator=generator).cuda()
assert compiled.computes(currents)
for reset in ("subtract", "zero", "none"):
    both = []
    for fused in (True, False):
        leaf = currents.clone().requires_grad_()
        spikes, membranes = LIF(0.9, reset=reset, fused=fused)(leaf, return_membrane=True)
        given = torch.ones(3, 700).cuda().expand(5, 3, 700)
        (gradient,) = torch.autograd.grad((spikes, membranes), leaf, (given, torch._neg_view(-given)))
        both.append((spikes, membranes, gradient))
    for ours, plain in zip(*both):
        torch.testing.assert_close(ours, plain, rtol=1e-5, atol=1e-5)
"""


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_compiled_kernels_equal_the_plain_loop_on_a_gpu() -> None:
    environment = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    subprocess.run([sys.executable, "-c", ON_A_GPU], check=True, env=environment)
