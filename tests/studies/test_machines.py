"""Noise sweeps on machines: the exact prediction stands beside them, and what came back is not sent for again."""

from __future__ import annotations

import pytest
from sweeps import assert_same_rows

import sqnn
from circuits.engines.runtime.machine import Machine

HERE = {"workers": 0, "progress": False, "images": 3}
SHOTS = {"engine": "runtime", "shots": 30}


def test_the_prediction_stands_beside_the_machine(networks, digits, tmp_path, monkeypatch) -> None:
    def sweep(**options) -> sqnn.SweepFrame:
        return sqnn.noise_sweep(networks[0], digits, "depolarizing", 0.1, jobs=tmp_path / "jobs", **HERE, **options)

    rows = sweep(**SHOTS, seeds=2, out=tmp_path / "sweep")
    assert rows.engine.tolist() == ["lightcone", "runtime", "runtime"]
    assert rows.draw.fillna(-1).tolist() == [-1, 0, 1]
    assert rows.loss.nunique() == 3
    exact = sqnn.noise_sweep(networks[0], digits, "depolarizing", 0.1, **HERE)
    assert_same_rows(rows[rows.engine == "lightcone"], exact)
    assert "jobs" not in (tmp_path / "sweep" / "settings.yaml").read_text()
    # The table is lost, the jobs are not.
    monkeypatch.setattr(Machine, "send", None)
    assert_same_rows(sweep(**SHOTS, seeds=2), rows)


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"noise": "guadalupe", "strength": (0.5, 1)}, r"noise: got .* \* 0.5 on fake_guadalupe, which has the noise"),
        ({"noise": "depolarizing", "shots": None}, "shots: got None, expected a whole number"),
        ({"noise": "account:", "strength": 1}, "noise: got 'account', expected a kind"),
    ],
)
def test_what_a_machine_cannot_do_is_said_before_anything_runs(networks, digits, options, line) -> None:
    with pytest.raises(ValueError, match=f"^{line}"):
        sqnn.noise_sweep(networks[0], digits, **{**HERE, **SHOTS, "strength": 0.1, **options})
