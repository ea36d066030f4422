"""Occlusion against loops over windows and entries."""

from __future__ import annotations

import itertools

import torch
from explained import Perceptron, images, sqdr
from torch import Tensor

from sqnn.explain.attribution import attribute
from sqnn.neurons import LIF


def test_windows_are_those_of_a_loop() -> None:
    model, batch = Perceptron(LIF()), images(2, side=4)
    found = attribute(model, batch, 1, "occlusion", window=2, stride=1, baseline=0.25)
    losses, covered = torch.zeros(2, 4, 4).double(), torch.zeros(4, 4).double()
    for top, left in itertools.product(range(3), repeat=2):
        hidden = batch.clone()
        hidden[:, :, top : top + 2, left : left + 2] = 0.25
        loss = (model(batch) - model(hidden))[:, 1].detach()
        losses[:, top : top + 2, left : left + 2] += loss[:, None, None]
        covered[top : top + 2, left : left + 2] += 1
    assert losses.any()
    assert torch.allclose(found.values[:, 0], losses / covered, atol=1e-12)
    assert torch.allclose(found.reference, model(torch.full_like(batch, 0.25))[:, 1])


def without(part: slice, angles: Tensor) -> Tensor:
    changed = angles.clone()
    changed[:, part] = 0
    return changed


def test_angles_and_qubits_are_left_out_one_by_one() -> None:
    model, batch = sqdr(), images(2)
    angles = model.eval().angles(batch)
    whole = model.classify(angles)[:, 1]
    for at, width in (("angles", 1), ("qubits", 3)):
        found = attribute(model, batch, 1, "occlusion", at).values
        parts = [slice(k, k + width) for k in range(0, 9, width)]
        losses = torch.stack([whole - model.classify(without(part, angles))[:, 1] for part in parts], 1)
        assert torch.allclose(found, losses, atol=1e-12)


def test_a_whole_channel_is_replaced_in_all_its_entries() -> None:
    model, batch = sqdr(), images(2)
    found = attribute(model, batch, 0, "occlusion", "frontend.blocks.0", by="channel")
    assert found.axes == ("image", "channel")
    hook = model.frontend.blocks[0].neuron.register_forward_hook(
        lambda module, inputs, spikes: spikes * torch.tensor([0.0, 1.0]).view(1, 1, 2, 1, 1)
    )
    silenced = model(batch)[:, 0]
    hook.remove()
    assert torch.allclose(found.values[:, 0], model(batch)[:, 0] - silenced, atol=1e-12)


def test_windows_are_captums() -> None:
    from captum.attr import Occlusion

    model, batch = Perceptron(LIF()), images(2, side=4)
    found = attribute(model, batch, 1, "occlusion", window=2, stride=2, baseline=0.5).values
    theirs = Occlusion(model).attribute(batch, (1, 2, 2), (1, 2, 2), baselines=0.5, target=1)
    assert torch.allclose(found.float(), theirs.float(), atol=1e-6)


def test_windows_of_spikes_are_those_of_one_step() -> None:
    model, batch = sqdr(), images(2)
    found = attribute(model, batch, 1, "occlusion", "spikes", window=3, stride=3).values
    planes = model.encoder.encode(batch)
    planes[0, :, :, 3:, :3] = 0
    loss = (model.classify(model.config.angle_scale * model.frontend(planes)) - model(batch))[:, 1]
    assert loss.any()
    assert torch.allclose(found[:, 0, 0, 4, 1], -loss, atol=1e-12)
