"""A sweep of a quantum head on a front-end of another library: its front-end runs once, and is not sent."""

from __future__ import annotations

import pickle

import pytest
import torch
from peers import Leaky
from torch import nn

import sqnn
from sqnn.models import SpikingQuantum
from sqnn.studies import open_subjects


def test_a_sweep_measures_what_an_evaluation_does_and_calls_the_front_end_once() -> None:
    data = sqnn.load_data("digits").subset(40, 20, 60)
    torch.manual_seed(0)
    front = nn.Sequential(nn.Flatten(), nn.Linear(64, 8), Leaky(output=True))
    front.surrogate = lambda value: value  # as snnTorch's neurons hold, and no pickle can
    model = SpikingQuantum(front, data, timesteps=4, pool="mean-membrane", n_qubits=3)
    subjects = open_subjects(model, data, "test", None)
    calls = []
    front.register_forward_hook(lambda *_: calls.append(1))
    sweep = sqnn.noise_sweep(model, data, noise="depolarizing", strength="0,0.1,0.4", workers=0, progress=False)
    swept = len(calls)
    wanted = [
        sqnn.evaluate(model.with_noise(f"depolarizing:{p}" if p else None), data, progress=False) for p in (0, 0.1, 0.4)
    ]
    assert sweep.accuracy.tolist() == pytest.approx([each.accuracy for each in wanted])
    assert sweep.loss.tolist() == pytest.approx([each.loss for each in wanted])
    assert len({each.loss for each in wanted}) == 3
    calls.clear()
    subjects[0].network.inputs(subjects[0].images)
    once = len(calls)
    calls.clear()
    sqnn.noise_sweep(model, data, noise="depolarizing", strength="0,0.1", workers=0, progress=False)
    assert once == 4
    assert len(calls) == swept  # whatever the number of strengths
    again = pickle.loads(pickle.dumps(subjects[0].network))
    assert torch.equal(again.model.circuit.weights, model.circuit.weights)


def test_a_front_end_that_draws_runs_anew_in_every_cell() -> None:
    data = sqnn.load_data("digits").subset(40, 20, 12)
    torch.manual_seed(0)
    front = nn.Sequential(nn.Flatten(), nn.Linear(64, 8), Leaky(output=True))
    model = SpikingQuantum(front, data, timesteps=4, encoding="rate", pool="mean-membrane", n_qubits=3)
    (subject,) = open_subjects(model, data, "test", None)
    assert subject.network.inputs(subject.images) is subject.images
    sweep = sqnn.noise_sweep(model, data, noise="depolarizing", strength="0.1", workers=0, progress=False)
    wanted = sqnn.evaluate(model.with_noise("depolarizing:0.1"), data, progress=False)
    assert sweep.loss.tolist() == pytest.approx([wanted.loss])
