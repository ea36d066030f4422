"""The gradient study: exact rules agree, counts are those of the rules' definitions, and nothing is left to chance."""

from __future__ import annotations

import math

import pandas as pd
import pytest
import torch
from torch.testing import assert_close

from circuits import ENTANGLERS, INITIALS, make_engine
from circuits.diagnostics import ALGORITHMS
from sqnn.core import ConfigError
from sqnn.studies import GradientStudy, Training, gradient_study, make_task, plot_gradients, summarise, train_student

SMALL = GradientStudy(n_qubits=2, n_blocks=2, steps=3, seeds=2, samples=3)
EXACT = [name for name in ALGORITHMS if name != "spsa"]


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    return gradient_study(SMALL)


def test_one_row_a_step(rows: pd.DataFrame) -> None:
    key = ["algorithm", "initial", "seed", "step"]
    assert not rows.duplicated(key).any()
    runs = {tuple(run) for run in rows[key[:3]].itertuples(index=False)}
    expected = {(name, "uniform", seed) for name in ALGORITHMS for seed in (0, 1)}
    expected |= {("backprop-lightcone", name, seed) for name in INITIALS for seed in (0, 1)}
    assert runs == expected
    assert len(rows) == len(expected) * (SMALL.steps + 1)


def test_exact_rules_take_the_same_path(rows: pd.DataFrame) -> None:
    table = rows[rows.initial == "uniform"].pivot(index=["seed", "step"], columns="algorithm", values="loss")
    for name in EXACT:
        # lightning.qubit's values come back in single precision.
        assert (table[name] - table["backprop-lightcone"]).abs().max() < 1e-6
    assert (table["spsa"] - table["backprop-lightcone"]).abs().max() > 1e-3
    exact = rows[rows.algorithm.isin(EXACT) & (rows.step > 0)]
    assert (exact.cosine - 1).abs().max() < 1e-9
    assert rows[rows.algorithm == "spsa"].cosine.abs().max() < 0.999


def test_circuits_are_counted_as_the_rules_define_them(rows: pd.DataFrame) -> None:
    """A sample costs 1 by backpropagation, a value and two shifts of each of 12 weights by shifting, 3 by SPSA."""
    used = rows[rows.step > 0]
    for name, a_sample in {
        "backprop-lightcone": 1,
        "backprop-default.qubit": 1,
        "parameter-shift": 1 + 2 * 12,
        "spsa": 3,
    }.items():
        part = used[used.algorithm == name]
        assert (part.executions == part.step * SMALL.samples * a_sample).all()


def test_costs_add_up(rows: pd.DataFrame) -> None:
    for _, run in rows.groupby(["algorithm", "initial", "seed"]):
        assert run.executions.iloc[0] == 0 == run.seconds.iloc[0]
        assert (run.seconds.diff().dropna() > 0).all()
        assert math.isnan(run.cosine.iloc[0])


@pytest.mark.parametrize("entangler", ENTANGLERS)
def test_first_step_by_hand(entangler: str) -> None:
    """Adam's first step moves each weight by the learning rate against the sign of its gradient."""
    study = GradientStudy(n_qubits=3, n_blocks=2, entangler=entangler, steps=1, samples=4, learning_rate=0.02)
    frame = train_student(study, Training("backprop-lightcone", "uniform", 5))
    task = make_task(study, "uniform", 5)
    engine = make_engine("pennylane", study.circuit)
    weights = task.start.clone().requires_grad_()
    before = (engine(task.inputs, weights) - task.targets).square().mean()
    (gradient,) = torch.autograd.grad(before, weights)
    moved = weights.detach() - 0.02 * gradient / (gradient.abs() + 1e-8)
    after = (engine(task.inputs, moved) - task.targets).square().mean()
    assert frame.loss.tolist() == pytest.approx([before.item(), after.item()], abs=1e-10)


@pytest.mark.parametrize("initial", INITIALS)
def test_training_learns_the_teacher(initial: str) -> None:
    study = GradientStudy(n_qubits=2, n_blocks=1, steps=150, samples=6, learning_rate=0.2)
    loss = train_student(study, Training("backprop-lightcone", initial, 1)).loss
    assert loss.iloc[-1] < 1e-3 * loss.iloc[0]


def test_the_seed_alone_sets_the_task() -> None:
    tasks = {name: make_task(SMALL, name, 0) for name in INITIALS}
    for task in tasks.values():
        assert torch.equal(task.inputs, tasks["uniform"].inputs)
        assert torch.equal(task.targets, tasks["uniform"].targets)
    assert len({tuple(task.start.flatten().tolist()) for task in tasks.values()}) == len(INITIALS)
    assert not torch.equal(make_task(SMALL, "uniform", 1).targets, tasks["uniform"].targets)


@pytest.mark.parametrize("name", ALGORITHMS)
def test_runs_repeat_themselves(name: str, rows: pd.DataFrame) -> None:
    before = torch.get_rng_state()
    again = train_student(SMALL, Training(name, "uniform", 1))
    first = rows[(rows.algorithm == name) & (rows.initial == "uniform") & (rows.seed == 1)]
    assert again.loss.tolist() == first.loss.tolist()
    assert torch.equal(torch.get_rng_state(), before)


def test_spsa_gradients_average_to_the_gradient() -> None:
    study = GradientStudy(n_qubits=2, n_blocks=1, samples=3)
    task = make_task(study, "uniform", 0)
    exact, _ = ALGORITHMS["backprop-lightcone"](study.circuit, 0)(task.inputs, task.targets, task.start)
    rule = ALGORITHMS["spsa"](study.circuit, 0)
    draws = torch.stack([rule(task.inputs, task.targets, task.start)[0] for _ in range(100)])
    error = draws.std(0) / math.sqrt(len(draws))
    assert ((draws.mean(0) - exact).abs() < 5 * error + 1e-7).all()
    assert error.max() < 0.3 * exact.abs().max(), "too few draws to tell"


def test_summary_by_hand(rows: pd.DataFrame) -> None:
    summary = summarise(rows).set_index(["algorithm", "initial"])
    losses = rows[(rows.algorithm == "spsa") & (rows.step == 3)].loss.tolist()
    assert summary.loc[("spsa", "uniform"), "last_loss"] == pytest.approx(math.sqrt(losses[0] * losses[1]))
    assert summary.loc[("parameter-shift", "uniform"), "executions_per_step"] == 25 * 3
    assert len(summary) == len(ALGORITHMS) + len(INITIALS) - 1


def test_picture_shows_the_losses(rows: pd.DataFrame) -> None:
    panels = plot_gradients(rows).axes
    names = [[line.get_label().split(" (")[0] for line in axes.lines] for axes in panels]
    assert names == [list(ALGORITHMS), list(ALGORITHMS), list(INITIALS)]
    assert [axes.get_xlabel() for axes in panels] == ["circuits executed", "wall time (s)", "step"]
    shift = rows[(rows.algorithm == "parameter-shift") & (rows.step > 0) & (rows.seed == 0)]
    drawn = panels[0].lines[list(ALGORITHMS).index("parameter-shift")]
    assert_close(torch.tensor(drawn.get_xdata()), torch.tensor(shift.executions.to_numpy(dtype=float)))
    other = rows[(rows.algorithm == "parameter-shift") & (rows.step > 0) & (rows.seed == 1)]
    mean = (shift.loss.to_numpy() * other.loss.to_numpy()) ** 0.5
    assert drawn.get_ydata().tolist() == pytest.approx(mean.tolist())


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"algorithms": ("newton",)}, "algorithms: got 'newton', expected one of backprop-lightcone, "),
        ({"initials": ("zero",)}, "initials: got 'zero', expected one of uniform, "),
        ({"initials": ()}, r"initials: got \(\), expected some of uniform, "),
        ({"entangler": "star"}, "entangler: got 'star', expected one of ring"),
        ({"n_qubits": 0}, "n_qubits: got 0"),
        ({"steps": 0}, "steps: got 0"),
        ({"seeds": 1.5}, "seeds: got 1.5"),
        ({"learning_rate": math.nan}, "learning_rate: got nan"),
    ],
)
def test_refusals(values: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        GradientStudy(**values)
