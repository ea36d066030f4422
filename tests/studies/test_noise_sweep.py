"""Noise sweeps: every cell is the network under that noise, once, whatever was computed before and in which order."""

from __future__ import annotations

import dataclasses
import math
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from sweeps import assert_same_rows

import noise_models
import sqnn
from sqnn.core import ConfigError
from sqnn.studies import COLUMNS, NoiseSweep, ResultsTable, SweepError
from sqnn.studies.noise_sweep import study as sweep

HERE = {"workers": 0, "progress": False}
"""In this process, silently."""


def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The cells that are measured from now on."""
    measured: list[str] = []

    def measure(task: sweep.Task, cell: sweep.Cell) -> dict:
        measured.append(str(cell))
        return real(task, cell)

    real = sweep.measure
    monkeypatch.setattr(sweep, "measure", measure)
    return measured


def test_a_cell_is_the_network_under_that_noise(networks, digits) -> None:
    """The whole network, run through the one evaluation of the package, is the oracle."""
    frame = sqnn.noise_sweep(networks, digits, "depolarizing,amplitude-damping,paper", (0, 0.3), **HERE)
    noises = {"depolarizing": "depolarizing:{}", "amplitude-damping": "amplitude-damping:{}", "paper": "paper*{}"}
    rows = frame.to_dict("records")
    assert len(rows) == 12
    for row, (number, noise, strength) in zip(rows, product(range(2), noises, (0, 0.3)), strict=True):
        assert (row["model"], row["noise"], row["strength"]) == (f"sqdr-cnn-{number}", noise, strength)
        noisy = networks[number].with_noise(noises[noise].format(strength))
        expected = sqnn.evaluate(noisy, digits, progress=False)
        assert row["accuracy"] == pytest.approx(expected.accuracy, abs=1e-6)
        assert row["loss"] == pytest.approx(expected.loss, rel=1e-5)


def test_no_strength_is_no_noise(networks, digits) -> None:
    frame = sqnn.noise_sweep(networks[0], digits, "depolarizing,readout,paper", 0, **HERE)
    expected = sqnn.evaluate(networks[0].with_noise(None), digits, progress=False)
    assert frame.loss.tolist() == pytest.approx([expected.loss] * 3, rel=1e-5)
    assert sqnn.noise_sweep(networks[0], digits, "depolarizing", 1.0, **HERE).loss[0] != pytest.approx(expected.loss)


def test_a_row_tells_what_was_measured(networks, digits) -> None:
    (row,) = sqnn.noise_sweep(networks[0], digits, "paper", 0.5, images=50, split="train", **HERE).to_dict("records")
    assert list(row) == list(COLUMNS)
    counts = sqnn.count(networks[0])
    told = {name: row[name] for name in ("model", "data", "split", "images", "classes", "train_noise", "engine")}
    assert told == {
        "model": "sqdr-cnn",
        "data": "digits",
        "split": "train",
        "images": 50,
        "classes": 10,
        "train_noise": "none",
        "engine": "lightcone",
    }
    numbers = [row[f"parameters_{name}"] for name in ("total", "spiking", "quantum", "effective")]
    assert numbers == [counts.total, counts.spiking, counts.quantum, counts.effective]
    assert all(pd.isna(row[name]) for name in ("seed", "shots", "draw"))
    assert row["seconds"] > 0
    assert f"torch={torch.__version__}" in row["versions"].split()
    subset = digits.subset(train=50)
    expected = sqnn.evaluate(networks[0].with_noise("paper*0.5"), subset, "train", progress=False)
    assert row["accuracy"] == pytest.approx(expected.accuracy, abs=1e-6)


def test_draws_are_of_shots_only(networks, digits) -> None:
    exact = sqnn.noise_sweep(networks[0], digits, "depolarizing", (0, 0.1), seeds=3, **HERE)
    assert len(exact) == 2
    assert exact.draw.isna().all()
    drawn = sqnn.noise_sweep(networks[0], digits, "depolarizing", (0, 0.1), shots=50, seeds=3, **HERE)
    assert drawn.draw.tolist() == [0, 1, 2, 0, 1, 2]
    assert set(drawn.shots) == {50}
    assert drawn.loss.nunique() == 6, "every draw has shots of its own"
    many = sqnn.noise_sweep(networks[0], digits, "depolarizing", (0, 0.1), shots=1_000_000, **HERE)
    assert many.loss.tolist() == pytest.approx(exact.loss.tolist(), abs=2e-3)
    assert many.loss.tolist() != exact.loss.tolist()


def test_numbers_do_not_depend_on_the_company(networks, digits) -> None:
    """A cell's shots are its own: alone, in another order, behind other cells, they are the same."""
    options = {"shots": 20, "seeds": 2, **HERE}
    before = torch.get_rng_state(), torch.get_num_threads(), networks[1].training
    whole = sqnn.noise_sweep(networks, digits, "depolarizing,readout", (0.1, 0.0), **options)
    turned = sqnn.noise_sweep(networks[::-1], digits, "readout,depolarizing", (0.0, 0.1), **options)
    assert_same_rows(whole.drop(columns="model"), turned.drop(columns="model"), order=False)
    alone = sqnn.noise_sweep(networks[1], digits, "readout", 0.1, **options)
    part = whole[(whole.model == "sqdr-cnn-1") & (whole.noise == "readout") & (whole.strength == 0.1)]
    assert alone.loss.tolist() == part.loss.tolist()
    assert torch.equal(torch.get_rng_state(), before[0])
    assert (torch.get_num_threads(), networks[1].training) == before[1:]


def test_a_sweep_goes_on_where_it_stopped(networks, digits, tmp_path: Path, monkeypatch) -> None:
    table = tmp_path / "rows.csv"
    arguments = (networks, digits, "depolarizing,paper", "0:0.2:0.1")
    undisturbed = sqnn.noise_sweep(*arguments, **HERE)
    whole = sqnn.noise_sweep(*arguments, table=table, **HERE)
    assert_same_rows(whole, undisturbed)
    assert_same_rows(ResultsTable(table).read(), undisturbed)
    lines = table.read_text().splitlines(keepends=True)
    kept = [lines[at] for at in (0, 8, 3, 5)]
    table.write_text("".join(kept) + lines[1][:40])
    measured = counted(monkeypatch)
    assert_same_rows(sqnn.noise_sweep(*arguments, table=table, **HERE), undisturbed)
    assert len(measured) == 12 - 3
    assert table.read_text().startswith("".join(kept))
    assert_same_rows(ResultsTable(table).read(), undisturbed, order=False)
    measured.clear()
    assert_same_rows(sqnn.noise_sweep(*arguments, table=table, **HERE), undisturbed)
    assert measured == []
    sqnn.noise_sweep(networks, digits, "paper", "0:0.2:0.05", table=table, **HERE)
    assert len(measured) == 4, "only the strengths between"


def test_other_weights_images_or_noise_are_other_measurements(digits, tmp_path: Path, monkeypatch) -> None:
    table, path, noise = (tmp_path / name for name in ("rows.csv", "model.safetensors", "noise.json"))
    measured = counted(monkeypatch)

    def swept(seed: int = 0, noisy: float = 0.1, **options) -> int:
        model = sqnn.create_model("sqdr-cnn", digits, seed=seed, channels=(2, 3), n_qubits=3)
        sqnn.save_model(model, path)
        noise.write_text(noise_models.depolarizing(noisy).to_json())
        measured.clear()
        frame = sqnn.noise_sweep(path, digits, str(noise), 1, table=table, **HERE, **options)
        assert len(frame) == 1
        return len(measured)

    assert [swept(), swept()] == [1, 0]
    assert [swept(seed=1), swept(seed=1), swept()] == [1, 0, 0]
    assert [swept(noisy=0.2), swept(noisy=0.2)] == [1, 0]
    assert [swept(images=30), swept(images=30), swept(split="train")] == [1, 0, 1]
    assert len(ResultsTable(table).rows()) == 5


def test_a_run_its_folder_and_its_file_are_the_same_network(run: sqnn.Run) -> None:
    frames = [
        sqnn.noise_sweep(model, noise="paper", strength=1, images=60, **HERE)
        for model in (run, run.folder, str(run.folder), run.folder / "model.safetensors")
    ]
    for frame in frames:
        assert frame.seed[0] == 7
        assert frame.train_noise[0] == "depolarizing:0.02"
        assert frame.loss[0] == frames[0].loss[0]
        assert frame.fingerprint[0] == frames[0].fingerprint[0]
    by_hand = sqnn.noise_sweep(run.model, sqnn.load_data("digits"), "paper", 1, images=60, **HERE)
    assert (by_hand.loss[0], by_hand.fingerprint[0]) == (frames[0].loss[0], frames[0].fingerprint[0])


def test_noise_comes_as_words_or_as_an_object(networks, digits) -> None:
    noise = noise_models.bit_flip(0.1) + noise_models.readout(0.02)
    given = [noise, "bit-flip:0.1+readout:0.02", noise.to_json()]
    frame = sqnn.noise_sweep(networks[0], digits, given[:2], 0.5, **HERE)
    assert frame.loss[0] == frame.loss[1]
    assert frame.noise.tolist() == [repr(noise), given[1]]
    assert_same_rows(sqnn.noise_sweep(networks[0], digits, given[2], 0.5, **HERE), frame[:1])


def damping(strength: float) -> noise_models.Noise:
    return noise_models.amplitude_damping(strength) + noise_models.readout(0.02)


def test_noise_may_be_a_function_of_the_strength(networks, digits, tmp_path: Path, monkeypatch) -> None:
    arguments = {"strength": (0.1, 0.3), "table": tmp_path / "rows.csv", **HERE}
    frame = sqnn.noise_sweep(networks[0], digits, damping, **arguments)
    assert frame.noise.tolist() == ["damping"] * 2
    for strength, loss in zip((0.1, 0.3), frame.loss, strict=True):
        noisy = networks[0].with_noise(f"amplitude-damping:{strength}+readout:0.02")
        assert loss == pytest.approx(sqnn.evaluate(noisy, digits, progress=False).loss, rel=1e-5)
    measured = counted(monkeypatch)
    assert_same_rows(sqnn.noise_sweep(networks[0], digits, damping, **arguments), frame)
    assert measured == [], "each strength is stored as what it is"
    both = sqnn.noise_sweep(networks[0], digits, [lambda p: 0.5 * damping(p), "paper"], (0.1,), **HERE)
    assert both.noise.tolist() == ["noise", "paper"]
    assert both.loss[0] != frame.loss[0]


def test_noise_may_be_a_model_of_aer(networks, digits) -> None:
    noise = noise_models.depolarizing(0.05)
    frame = sqnn.noise_sweep(networks[0], digits, noise.aer, 1, **HERE)
    assert frame.loss[0] == pytest.approx(sqnn.noise_sweep(networks[0], digits, noise, 1, **HERE).loss[0], rel=1e-6)


def two(p: float, q: float) -> noise_models.Noise:
    return noise_models.amplitude_damping(p) + noise_models.readout(q)


def test_two_strengths_are_a_grid_with_a_heat_map(networks, digits, tmp_path: Path, monkeypatch) -> None:
    arguments = {"strength": (0.1, 0.3), "images": 5, "table": tmp_path / "rows.csv", **HERE}
    names = [f"amplitude-damping + readout:{q!r}" for q in (0.0, 0.05, 0.1)]
    grid = sqnn.noise_sweep(networks[0], digits, "amplitude-damping+readout", second="0:10%:5%", **arguments)
    assert list(zip(grid.noise, grid.strength, strict=True)) == list(product(names, (0.1, 0.3)))
    functions = sqnn.noise_sweep(networks[0], digits, two, second=(0, 0.05, 0.1), **{**arguments, "table": None})
    assert functions.loss.tolist() == grid.loss.tolist()
    assert functions.noise.tolist()[::2] == ["two, second 0", "two, second 0.05", "two, second 0.1"]
    measured = counted(monkeypatch)
    row = sqnn.noise_sweep(networks[0], digits, names[1], **arguments)
    assert_same_rows(row, grid[2:4].reset_index(drop=True))
    assert measured == [], "a row of the grid is a sweep with the second strength fixed"
    for frame, second in ((grid, "probability of a wrong bit $p_{01}$"), (functions, "second strength")):
        axes = frame.plot().axes[0]
        (mesh,) = axes.collections
        assert np.allclose(mesh.get_array(), 100 * frame.accuracy.to_numpy(float).reshape(3, 2))
        assert axes.get_ylabel() == second
        assert [label.get_text() for label in axes.get_yticklabels()] == ["0", "0.05", "0.1"]
    assert grid.plot().axes[0].get_xlabel() == "probability of decay $\\gamma$"
    assert len(grid.plot(heat_map=False).axes) == 3
    for noise in ("paper", noise_models.readout(0.1)):
        with pytest.raises(ConfigError, match="two kinds named alone"):
            sqnn.noise_sweep(networks[0], digits, noise, second=0.1, **HERE)


def test_noises_have_the_names_of_a_mapping(networks, digits) -> None:
    models = {f"gate errors {p:.0%}": noise_models.depolarizing(p).aer for p in (0.1, 0.2)}
    frame = sqnn.noise_sweep(networks[0], digits, models, 1, images=5, **HERE)
    assert frame.noise.tolist() == list(models)
    expected = sqnn.noise_sweep(networks[0], digits, "depolarizing", (0.1, 0.2), images=5, **HERE)
    assert np.allclose(frame.loss, expected.loss, rtol=1e-6)
    # Two models on the same gates are told apart by nothing else: they were one line with a band before.
    with pytest.raises(ConfigError, match="two noises called 'from_aer"):
        sqnn.noise_sweep(networks[0], digits, list(models.values()), 1, images=5, **HERE)


def test_functions_may_return_all_that_noise_can_be(networks, digits) -> None:
    from qiskit_ibm_runtime.fake_provider import FakeGuadalupeV2

    returned = {
        "text": lambda p: f"depolarizing:{p}",
        "model": lambda p: noise_models.depolarizing(p).aer,
        "nothing": lambda p: None if p < 1 else "paper",
    }
    frame = sqnn.noise_sweep(networks[0], digits, returned, 0.1, images=5, **HERE)
    assert frame.loss[0] == pytest.approx(frame.loss[1], rel=1e-6)
    ideal = sqnn.noise_sweep(networks[0], digits, "paper", 0, images=5, **HERE)
    assert frame.loss[2] == pytest.approx(ideal.loss[0], rel=1e-6)
    frame = sqnn.noise_sweep(networks[0], digits, FakeGuadalupeV2(), 0.5, images=5, **HERE)
    assert frame.noise.tolist() == ["fake_guadalupe"]
    assert frame.loss[0] != sqnn.noise_sweep(networks[0], digits, FakeGuadalupeV2(), 1, images=5, **HERE).loss[0]


def test_functions_that_return_no_noise_or_share_a_name_are_refused(networks, digits) -> None:
    for noise, message in (
        (lambda p: p, r"noise: got float of noise\(0.1\), expected a Noise"),
        (lambda p: noise_models.depolarizing(3 + p), "noise: noise at strength 0.1 cannot be: p: got 3.1"),
        ([damping, lambda p: damping(p), lambda p: damping(2 * p)], "noise: got two noises called 'noise'"),
    ):
        with pytest.raises(ConfigError, match=message):
            sqnn.noise_sweep(networks[0], digits, noise, 0.1, **HERE)


def test_a_run_on_ones_own_images_asks_for_them(digits, tmp_path: Path) -> None:
    mine = dataclasses.replace(digits, name="mine")
    model = sqnn.create_model("sqdr-cnn", mine, channels=(2, 3), n_qubits=3)
    run = sqnn.fit(model, mine, out=tmp_path / "run", epochs=1, progress=False)
    with pytest.raises(ConfigError, match=r"data: .*pass data=: this run was trained on images that are not a named"):
        sqnn.noise_sweep(run.folder, **HERE)
    assert len(sqnn.noise_sweep(run.folder, mine, strength=0, **HERE)) == 1


def test_a_failing_cell_is_named_and_the_others_are_kept(networks, digits, tmp_path: Path, monkeypatch) -> None:
    def measure(task: sweep.Task, cell: sweep.Cell) -> dict:
        if cell.strength == 0.1:
            raise ValueError("it\nbroke")
        return real(task, cell)

    real = sweep.measure
    arguments = (networks[0], digits, "depolarizing,paper", "0:0.2:0.1")
    with monkeypatch.context() as patched:
        patched.setattr(sweep, "measure", measure)
        with pytest.raises(SweepError) as caught:
            sqnn.noise_sweep(*arguments, table=tmp_path / "rows.csv", **HERE)
    assert str(caught.value) == (
        "sweep: the cell sqdr-cnn, depolarizing 0.1, lightcone failed (it broke), and so did 1 other; "
        f"4 finished rows are in {tmp_path / 'rows.csv'}"
    )
    assert len(ResultsTable(tmp_path / "rows.csv").rows()) == 4
    measured = counted(monkeypatch)
    sqnn.noise_sweep(*arguments, table=tmp_path / "rows.csv", **HERE)
    assert measured == ["sqdr-cnn, depolarizing 0.1, lightcone", "sqdr-cnn, paper 0.1, lightcone"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"noise": "depolarising"}, r"^noise: got 'depolarising', expected a kind \(bit-f.*mean 'depolarizing'\?$"),
        ({"strength": "0:2:0.5"}, "noise: depolarizing at strength 1.5 cannot be: p: got 1.5"),
        ({"noise": "paper", "strength": "0,100"}, "noise: paper at strength 100 cannot be"),
        ({"noise": "manila"}, "noise: manila at strength 0 cannot be"),
        ({"noise": 3}, "noise: got int, expected a specification or a Noise"),
        ({"noise": ()}, "noise: got .*, expected at least one name"),
        ({"strength": "0:1"}, "strength: got '0:1'"),
        ({"engine": "bogus"}, "engine: got 'bogus', expected one of lightcone"),
        ({"shots": 0}, "shots: got 0, expected a whole number of at least 1"),
        ({"shots": True}, "shots: got True"),
        ({"seeds": 0}, "seeds: got 0"),
        ({"seeds": 1.5}, "seeds: got 1.5"),
        ({"images": 61}, "images: got 61, expected a whole number from 1 to 60"),
        ({"images": 0}, "images: got 0"),
        ({"split": "bogus"}, "split: got 'bogus', expected one of train, validation, test"),
        ({"workers": -1}, "workers: got -1"),
        ({"workers": 1.5}, "workers: got 1.5"),
        ({"workers": 1, "scheduler": "tcp://127.0.0.1:1"}, "workers: got 1 beside a scheduler"),
        ({"data": None}, "data: got None for sqdr-cnn, expected images"),
        ({"data": "digits"}, "data: got str, expected an ImageData"),
        ({"models": []}, "models: got none"),
        ({"models": 3}, "models: got int, expected a run's folder, a network's file or a network"),
        ({"models": "nowhere"}, "path: no file nowhere"),
        (
            {"models": torch.nn.Linear(2, 2)},
            "models: got 'Linear', expected a network with a quantum circuit .*has none$",
        ),
        ({"model": torch.nn.Identity}, "model: got .*Identity.*, expected none: the networks are all of the package"),
    ],
)
def test_what_does_not_fit_is_refused_before_the_first_cell(
    networks, digits, tmp_path: Path, monkeypatch, options: dict, message: str
) -> None:
    measured = counted(monkeypatch)
    values = {"models": networks[0], "data": digits, "table": tmp_path / "rows.csv", **HERE, **options}
    with pytest.raises(ValueError, match=message) as caught:
        sqnn.noise_sweep(**values)
    assert "\n" not in str(caught.value)
    assert measured == []
    assert list(tmp_path.iterdir()) == []


def test_networks_that_do_not_go_together_are_refused(networks, digits) -> None:
    with pytest.raises(ConfigError, match="models: sqdr-cnn-0 and sqdr-cnn-2 are the same network; give it once"):
        sqnn.noise_sweep([networks[0], networks[1], networks[0]], digits, **HERE)
    with pytest.raises(ConfigError, match=r"data: digits has image_size \(8, 8\), but sqdr-cnn-1 was built for \(28"):
        sqnn.noise_sweep([networks[0], sqnn.create_model("sqdr-cnn")], digits, **HERE)


def test_defaults_are_the_documented_ones() -> None:
    default = NoiseSweep()
    assert default.strength == tuple(np.arange(11) * 2 / 100)
    assert (default.noise, default.engine, default.draws, default.split) == (
        ("depolarizing",),
        ("lightcone",),
        (None,),
        "test",
    )
    assert NoiseSweep(shots=5, seeds=3).draws == (0, 1, 2)


def test_progress_tells_of_the_cells(networks, digits, capsys) -> None:
    sqnn.noise_sweep(networks[0], digits, "depolarizing", "0:0.5:0.01", images=5, workers=0)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) <= 20
    assert lines[-1].startswith("cell 51 of 51: sqdr-cnn, depolarizing 0.5, lightcone: ")
    assert math.isclose(float(lines[-1].split()[-1][:-1]) % 20, 0, abs_tol=1e-9), "of five images"
    sqnn.noise_sweep(networks[0], digits, "depolarizing", 0, images=5, **HERE)
    assert capsys.readouterr().out == ""
