"""One table of kinds: each of them is read, written, parsed, labelled and shown by what its class says of itself."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

import noise_models
from noise_models import (
    KINDS,
    Choices,
    Noise,
    amplitude_damping,
    at_strength,
    chip,
    depolarizing,
    from_aer,
    gate_channel,
    kinds,
    parse_noise,
    readout,
    strength_label,
    thermal_relaxation,
)
from noise_models.kinds import Kind, OneQubit, places, rate
from noise_models.part import Part

ROOT = Path(__file__).resolve().parents[2]

STORED = [
    '{"kind": "bit_flip", "p": 0.1, "on": ["u", "cz"]}',
    '{"kind": "phase_flip", "p": 0.2, "on": ["id"]}',
    '{"kind": "depolarizing", "p": 0.05, "on": ["u", "cz"]}',
    '{"kind": "amplitude_damping", "gamma": 0.1, "on": ["u", "cz"]}',
    '{"kind": "phase_damping", "lam": 0.3333333333333333, "on": ["cz", "id"]}',
    '{"kind": "overrotation", "angle": -0.1, "axis": "z", "on": ["u", "cz"]}',
    '{"kind": "readout", "p01": 0.1, "p10": 0.3}',
    '{"kind": "thermal_relaxation", "t1": 0.0001, "t2": 8e-05, "gate_times": {"u": 3.5e-08, "cz": 7e-08}}',
    '{"kind": "two_qubit_depolarizing", "p": 0.04, "on": ["cz"]}',
    '{"kind": "chip", "name": "manila", "date": "2024-05-27", "qubits": [3], "gate_names": ["rz", "sx", "x", "cx"], '
    '"t1": [0.0001], "t2": [5e-05], "readout": [[0.01, 0.02]], "gates": [["sx", [0], 0.0002, 3.5e-08]], "factor": 0.5}',
    '{"kind": "aer", "errors": [["u", [1], [[1.0, 0.0, 0.0, 0.0], [0.0, 0.8, 0.0, 0.0], [0.0, 0.0, 0.8, 0.0], '
    '[0.0, 0.0, 0.0, 0.8]]]], "readout": [[null, [[0.9, 0.1], [0.1, 0.9]]]]}',
]
"""One of every kind, as earlier versions wrote them."""


def stored(part: str) -> str:
    return f'{{"format": 1, "noise": [{part}]}}'


def the_part(noise: Noise) -> Part:
    (part,) = noise.parts
    return part


def spelling(part: Kind) -> str:
    return part.kind.replace("_", "-")


def written(part: Kind) -> str:
    """A kind in text, every parameter by its name."""
    items = []
    for name, value in part.to_json().items():
        if isinstance(value, dict):
            items += [f"{gate}={time!r}" for gate, time in value.items()]
        elif name != "kind":
            items.append(f"{name}={'/'.join(value) if isinstance(value, tuple) else value}")
    return f"{spelling(part)}:{','.join(items)}"


def test_every_kind_is_read_and_written_as_it_always_was() -> None:
    parts = [the_part(Noise.from_json(stored(text))) for text in STORED]
    written = [json.loads(Noise((part,)).to_json()) for part in parts]
    digests = [text.pop("sha256") for text in written]
    assert [json.dumps(text) for text in written] == list(map(stored, STORED))
    assert len(set(digests)) == len(STORED)
    assert {part.kind: type(part) for part in parts} == dict(kinds.TABLE)


def test_every_kind_that_text_names_is_parsed_labelled_and_built() -> None:
    parts = [the_part(Noise.from_json(stored(text))) for text in STORED]
    spelled = [part for part in parts if isinstance(part, Kind)]
    assert [spelling(part) for part in spelled] == list(kinds.spelled()) == [name for name in KINDS if name != "paper"]
    for part in spelled:
        assert parse_noise(written(part)) == Noise((part,))
        assert strength_label(written(part)) == "factor on rates and times"
        assert eval(repr(part), vars(noise_models)) == Noise((part,))
        if part.label is None:
            assert part.strength() is None
        else:
            assert strength_label(spelling(part)) == part.label
            swept = the_part(at_strength(spelling(part), 0.25))
            assert swept.to_json()[str(part.strength())] == 0.25


@dataclass(frozen=True, repr=False)
class BitPhaseFlip(OneQubit):
    """E(rho) = (1 - p) rho + p Y rho Y."""

    kind = "bit_phase_flip"
    label = "probability of both flips"
    p: float = rate()
    on: tuple[str, ...] = places()

    def transfer(self, instruction: str) -> np.ndarray:
        return np.diag([1, 1 - 2 * self.p, 1, 1 - 2 * self.p])


def test_a_class_and_its_line_in_the_table_are_all_that_a_new_kind_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    noise = Noise((BitPhaseFlip(0.1, ("u",)),))
    with pytest.raises(ValueError, match="kind: got 'bit_phase_flip', expected one of bit_flip, "):
        Noise.from_json(noise.to_json())
    monkeypatch.setattr(kinds, "TABLE", Choices("kind", {**kinds.TABLE, "bit_phase_flip": BitPhaseFlip}))
    assert Noise.from_json(noise.to_json()) == noise
    assert parse_noise("bit-phase-flip:0.1,on=u") == parse_noise(written(noise.parts[0])) == noise  # type: ignore[arg-type]
    assert at_strength("Bit_Phase_Flip:on=u+readout:0.02", 0.1) == noise + readout(0.02)
    assert strength_label("bit-phase-flip+readout:0.02") == "probability of both flips"
    assert repr(0.5 * noise) == "bit_phase_flip(0.05, on=('u',))"
    assert "<td>bit_phase_flip</td>" in noise._repr_html_()
    assert_allclose(gate_channel(noise.aer, "u", (0,)), np.diag([1, 0.8, 1, 0.8]), atol=1e-12)
    with pytest.raises(ValueError, match="did you mean 'bit-phase-flip'"):
        parse_noise("bit-phase-flap:0.1")
    with pytest.raises(ValueError, match=r"p: got 1.5, expected a probability in \[0, 1\]"):
        at_strength("bit-phase-flip", 1.5)


def test_a_kind_is_named_in_two_files_only() -> None:
    sources = [path for folder in ("noise_models", "circuits", "sqnn") for path in (ROOT / folder).rglob("*.py")]
    naming = {
        path.relative_to(ROOT).as_posix()
        for path in sources
        if any(name in path.read_text() for name in ("phase_damping", "phase-damping", "PhaseDamping"))
    }
    # The device names channels of PennyLane's.
    assert naming - {"circuits/pennylane_device/channels.py"} == {"noise_models/kinds.py", "noise_models/noise.py"}


def test_a_notebook_shows_the_parts_in_a_table() -> None:
    noise = thermal_relaxation(1e-4, 8e-5, {"u": 35e-9}) + depolarizing(0.05) + readout(0.02, 0.03)
    shown = noise._repr_html_()
    for name, value in (("gate_times", "u = 3.5e-08"), ("p", "0.05"), ("on", "u, cz"), ("p10", "0.03")):
        assert f"<tr><th>{name}</th><td>{value}</td></tr>" in shown
    assert shown.index("thermal_relaxation") < shown.index("depolarizing") < shown.index("readout")
    assert "none" in Noise()._repr_html_()
    assert "<td>cz, u</td>" in from_aer(depolarizing(0.1).aer)._repr_html_().replace("u, cz", "cz, u")
    hidden = STORED[-2].replace('"manila"', '"<b>manila"')
    assert "&lt;b&gt;manila" in Noise.from_json(stored(hidden))._repr_html_()


def test_a_notebook_shows_what_was_calibrated() -> None:
    part = the_part(0.5 * chip("torino", 5, "line"))
    shown = part.summary()
    raw = {name: [gate.error for gate in part.gates if gate.name == name] for name in ("sx", "x", "cz")}  # type: ignore[attr-defined]
    assert shown["chip"] == "torino * 0.5"
    assert shown["qubits"] == ", ".join(map(str, part.qubits))  # type: ignore[attr-defined]
    assert shown["calibrated"] == "2025-02-26"
    assert float(shown["mean one-qubit error"]) == pytest.approx(np.mean(raw["sx"] + raw["x"]) / 2, rel=5e-3)
    assert float(shown["mean two-qubit error"]) == pytest.approx(np.mean(raw["cz"]) / 2, rel=5e-3)
    assert float(shown["mean readout error"]) == pytest.approx(np.mean(part.readout) / 2, rel=5e-3)  # type: ignore[attr-defined]
    assert shown["mean T1"] == f"{1e6 * np.mean(part.t1):.1f} µs"  # type: ignore[attr-defined]
    assert shown["mean T2"] == f"{1e6 * np.mean(part.t2):.1f} µs"  # type: ignore[attr-defined]


def test_numpy_numbers_are_numbers() -> None:
    assert depolarizing(np.float64(0.25)) == depolarizing(np.float32(0.25)) == depolarizing(0.25)
    assert amplitude_damping(np.int64(1)) == amplitude_damping(1)
    assert readout(np.float32(0.25), np.float64(0.5)) == readout(0.25, 0.5)
    assert readout(np.array([[0.9, 0.1], [0.3, 0.7]])) == readout(0.1, 0.3)  # type: ignore[arg-type]
    assert chip("manila", np.int64(3), "line") == chip("manila", 3, "line")  # type: ignore[arg-type]
    assert at_strength("depolarizing", np.float64(0.1)) == depolarizing(0.1)
    assert Noise.from_json(depolarizing(np.float32(0.1)).to_json()) == depolarizing(np.float32(0.1))
    with pytest.raises(ValueError, match=r"p: got np\.True_, expected a number"):
        depolarizing(np.bool_(True))
    with pytest.raises(ValueError, match=r"p10: got 0\.1 beside a matrix, expected the matrix alone"):
        readout([[0.9, 0.1], [0.3, 0.7]], 0.1)


def test_the_package_is_imported_without_anything_heavy_and_from_aer_stays_a_function() -> None:
    heavy = ("qiskit", "qiskit_aer", "qiskit_ibm_runtime", "pennylane", "scipy", "pandas", "matplotlib", "torch")
    program = f"""
import sys, noise_models as n
import noise_models.from_aer, noise_models.text, noise_models.mitigation
noise = 0.5 * (n.parse_noise("depolarizing:0.1+thermal-relaxation:1e-4,8e-5,u=35e-9") + n.readout(0.02))
assert n.Noise.from_json(noise.to_json()) == noise
print([name for name in {heavy} if name in sys.modules])
assert n.from_aer(noise.aer).has_readout
"""
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT)
    assert result.returncode == 0, result.stderr
    assert result.stdout == "[]\n"
