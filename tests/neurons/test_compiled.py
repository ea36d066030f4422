"""The compiled loop over time gives PyTorch's spikes and membranes bit for bit, and its gradients to rounding."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.testing import assert_close

from sqnn.neurons import IF, LIF, RESETS, compiled

if not compiled.has_library():
    pytest.skip("no compiled kernels on this machine", allow_module_level=True)

OPTIONS = st.fixed_dictionaries(
    {
        "beta": st.floats(0.05, 1.0),
        "threshold": st.floats(0.2, 2.0),
        "reset": st.sampled_from(list(RESETS)),
        "detach_reset": st.booleans(),
        "initial_membrane": st.sampled_from([0.0, 0.5, -0.3]),
    }
)
LAYOUTS = ("contiguous", "channels last", "expanded", "batch first")


def trains(layout: str, timesteps: int, side: int, generator: torch.Generator) -> Tensor:
    """Random currents [time, 2, 3, side, side] that lie in memory in the order named."""
    shape = (timesteps, 2, 3, side, side)
    currents = torch.randn(shape, generator=generator) * 1.5
    if layout == "channels last":
        return currents.flatten(0, 1).to(memory_format=torch.channels_last).unflatten(0, shape[:2])
    if layout == "expanded":
        return currents[:1].expand(shape)
    return currents.transpose(0, 1).contiguous().transpose(0, 1) if layout == "batch first" else currents


def computed(neuron: LIF, currents: Tensor, weights: Tensor, reads: str) -> list[Tensor]:
    """Spikes, membranes, and the gradient of the currents for a weighted sum of what is read of them."""
    leaf = currents.detach().requires_grad_()
    spikes, membranes = neuron(leaf, return_membrane=True)
    outputs = [each for name, each in zip("su", (spikes, membranes), strict=True) if name in reads]
    given = [weight for name, weight in zip("su", weights, strict=True) if name in reads]
    return [spikes.detach(), membranes.detach(), *torch.autograd.grad(outputs, leaf, given)]


def counted(patch: pytest.MonkeyPatch) -> list[str]:
    """Note the names of the kernels that are called from now on."""
    calls: list[str] = []

    def noting(name: str) -> None:
        function = getattr(compiled, name)

        def noted(*given: object) -> None:
            calls.append(name)
            function(*given)

        patch.setattr(compiled, name, noted)

    noting("fire")
    noting("fire_backward")
    return calls


@given(
    options=OPTIONS,
    layout=st.sampled_from(LAYOUTS),
    timesteps=st.integers(1, 6),
    side=st.integers(1, 14),
    reads=st.sampled_from(["s", "u", "su"]),
    seed=st.integers(0, 999),
)
def test_kernels_equal_pytorch(
    options: dict[str, Any], layout: str, timesteps: int, side: int, reads: str, seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    currents = trains(layout, timesteps, side, generator)
    weights = torch.randn(2, *currents.shape, generator=generator)
    neuron = LIF(**options)
    with pytest.MonkeyPatch.context() as patch:
        calls = counted(patch)
        found = computed(neuron, currents, weights, reads)
        with torch.no_grad():
            alone = neuron(currents)
        # A step of one batch after another is no piece of memory.
        assert calls == ([] if layout == "batch first" and timesteps > 1 else ["fire", "fire_backward", "fire"])
        patch.setattr(compiled, "computes", lambda currents: False)
        wanted = computed(neuron, currents, weights, reads)
    assert torch.equal(found[0], wanted[0])
    assert torch.equal(found[1], wanted[1])
    assert torch.equal(alone, wanted[0])
    assert_close(found[2], wanted[2], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("reset", list(RESETS))
def test_any_number_of_threads_gives_the_same_bits(reset: str) -> None:
    generator = torch.Generator().manual_seed(0)
    currents = torch.randn(5, 8, 4, 25, 25, generator=generator)
    assert currents.numel() > compiled.SMALL_LAYER
    weights = torch.randn(2, *currents.shape, generator=generator)
    before, results = torch.get_num_threads(), []
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            results.append(computed(IF(reset=reset), currents, weights, "su"))
    finally:
        torch.set_num_threads(before)
    for other in results[1:]:
        assert all(torch.equal(one, two) for one, two in zip(results[0], other, strict=True))


@pytest.mark.parametrize("reset", list(RESETS))
def test_odd_currents_are_answered_as_by_the_plain_loop(reset: str, monkeypatch: pytest.MonkeyPatch) -> None:
    infinity = float("inf")
    first = torch.tensor([1.0, 1.0 + 2**-23, float("nan"), infinity, -infinity, 0.0])
    currents = torch.stack([first, torch.full_like(first, 2.0), -first]).unsqueeze(1)
    calls = counted(monkeypatch)
    spikes, membranes = IF(reset=reset)(currents, return_membrane=True)
    with torch.no_grad():
        alone = IF(reset=reset)(currents)
    assert calls == ["fire", "fire"]
    wanted = IF(reset=reset, fused=False)(currents, return_membrane=True)
    assert spikes[0].flatten().tolist() == [0, 1, 0, 1, 0, 0]
    assert_close((spikes, membranes, alone), (*wanted, wanted[0]), rtol=0, atol=0, equal_nan=True)


@pytest.mark.parametrize("read", [torch.Tensor.sum, lambda spikes: spikes.mean(0).square().sum()], ids=["sum", "rates"])
def test_gradients_that_are_the_same_at_every_step_are_read_as_they_lie(read: Any) -> None:
    currents = torch.randn(4, 3, 5, generator=torch.Generator().manual_seed(1))
    ours, plain = (currents.clone().requires_grad_() for _ in range(2))
    read(LIF(0.8)(ours)).backward()
    read(LIF(0.8, fused=False)(plain)).backward()
    assert plain.grad is not None
    assert plain.grad.abs().max() > 0.1
    assert_close(ours.grad, plain.grad)


@pytest.mark.parametrize("case", ["float64", "learned decay", "another surrogate", "plain loop"])
def test_what_kernels_do_not_compute_is_left_to_pytorch(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*given: object) -> None:
        raise AssertionError("a kernel was called")

    monkeypatch.setattr(compiled, "fire", refuse)
    kinds: dict[str, dict[str, Any]] = {
        "learned decay": {"learn_beta": True},
        "another surrogate": {"surrogate": "sigmoid"},
        "plain loop": {"fused": False},
    }
    options = kinds.get(case, {})
    dtype = torch.float64 if case == "float64" else torch.float32
    currents = torch.tensor([0.6, 0.6], dtype=dtype).reshape(2, 1, 1).requires_grad_()
    assert LIF(1.0 if case != "learned decay" else 0.99, **options)(currents).flatten().tolist() == [0, 1]
