"""What every benchmark has: rows that say where they come from, files that lose nothing, commands that repeat them."""

from __future__ import annotations

import csv
import gc
import shlex
import subprocess
import sys
import weakref
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import ClassVar

import pytest
import torch

from sqnn.bench import BENCHMARKS, Benchmark, Cell, read_rows
from sqnn.bench.machine import PROVENANCE
from sqnn.core import ConfigError, option
from sqnn.data import DataError


@dataclass(frozen=True, kw_only=True)
class Counting(Benchmark):
    """Counts: a cell for each number, whose two rows hold its square; it stops with an error at one of them."""

    name: ClassVar[str] = "counting"
    key: ClassVar[tuple[str, ...]] = ("number", "label")
    columns: ClassVar[tuple[str, ...]] = ("number", "label", "part", "square")
    free: ClassVar[tuple[str, ...]] = ("last", "fails_at")

    last: int = option(3, "how far to count")
    fails_at: int = option(0, "the number that fails")
    loud: bool = option(True, "nothing")

    def cells(self) -> Iterator[Cell]:
        for number in range(1, self.last + 1):
            label = None if number == 1 else "a, b"
            yield Cell({"number": number, "label": label}, lambda number=number: self.square(number))

    def square(self, number: int) -> list[dict[str, int | str]]:
        if number == self.fails_at:
            raise RuntimeError("stopped")
        return [{"part": part, "square": number**2} for part in ("x", "y")]


def test_rows_have_all_columns_and_say_where_they_come_from() -> None:
    rows = [row for rows in Counting(last=2).run() for row in rows]
    assert [list(row) for row in rows] == [[*Counting.columns, *PROVENANCE]] * 4
    assert [(row["number"], row["part"], row["square"]) for row in rows] == [
        *((1, "x", 1), (1, "y", 1)),
        *((2, "x", 4), (2, "y", 4)),
    ]
    assert {row["command"] for row in rows} == {"sqnn bench counting --last 2"}
    assert {row["threads"] for row in rows} == {torch.get_num_threads()}
    assert all(row["commit"] and row["machine"] and row["cores"] >= 1 for row in rows)


def test_a_stop_loses_nothing_and_a_run_goes_on(tmp_path: Path) -> None:
    out = tmp_path / "rows.csv"
    with pytest.raises(RuntimeError, match="stopped"):
        list(Counting(fails_at=3).run(out))
    before = read_rows(out, Counting.key)
    assert [row["number"] for row in before] == ["1", "1", "2", "2"]
    ((added, _),) = Counting().run(out, before=before)
    assert added["number"] == 3
    whole = tmp_path / "whole.csv"
    list(Counting().run(whole))
    with out.open(newline="") as one, whole.open(newline="") as other:
        pairs = list(zip(csv.DictReader(one), csv.DictReader(other), strict=True))
    assert len(pairs) == 6
    for first, second in pairs:
        assert {**first, "command": ""} == {**second, "command": ""}


def test_rows_of_an_older_file_are_kept(tmp_path: Path) -> None:
    """It has neither provenance nor every column of today."""
    out = tmp_path / "old.csv"
    out.write_text("number,label,part,square\n1,,x,1\n")
    new = list(Counting(last=2).run(out, before=read_rows(out, Counting.key)))
    assert [row["number"] for rows in new for row in rows] == [2, 2]
    assert [(row["number"], row["commit"] is None) for row in read_rows(out, Counting.key)] == [
        ("1", True),
        ("2", False),
        ("2", False),
    ]


@pytest.mark.parametrize(
    ("first", "second", "reason"),
    [
        ({}, {"loud": False}, "loud: the default there, no here"),
        ({"loud": False}, {}, "loud: no there, the default here"),
        ({"threads": 1}, {"threads": 2}, "threads: 1 there, 2 here"),
    ],
)
def test_rows_of_another_computation_are_refused(first: dict, second: dict, reason: str, tmp_path: Path) -> None:
    out = tmp_path / "rows.csv"
    list(Counting(last=1, **first).run(out))
    content, before = out.read_bytes(), read_rows(out, Counting.key)
    with pytest.raises(
        ConfigError, match=rf"^out: holds rows of another computation \({reason}\); choose another file$"
    ):
        list(Counting(**second).run(out, before=before))
    assert out.read_bytes() == content


def test_rows_that_name_no_command_were_measured_with_the_defaults() -> None:
    before = [{"number": "1", "label": None, "part": "x", "square": "1"}]
    with pytest.raises(ConfigError, match="another computation"):
        list(Counting(loud=False).run(before=before))
    assert [rows[0]["number"] for rows in Counting(threads=1, last=2).run(before=before)] == [2]


def test_another_table_is_refused(tmp_path: Path) -> None:
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    with pytest.raises(ConfigError, match="has no column number, expected a table of this benchmark"):
        read_rows(tmp_path / "other.csv", Counting.key)
    assert read_rows(tmp_path / "absent.csv", Counting.key) == []


def test_no_cell_is_begun_after_the_minutes() -> None:
    assert list(Counting().run(minutes=-1.0)) == []
    assert len(list(Counting().run(minutes=1e6))) == 3


def test_a_command_names_what_is_not_the_default() -> None:
    assert Counting().command() == "sqnn bench counting"
    assert shlex.split(Counting(fails_at=4, loud=False).command()) == [
        *("sqnn", "bench", "counting", "--fails-at", "4", "--no-loud"),
    ]


@pytest.mark.parametrize("name", BENCHMARKS)
def test_a_benchmark_declares_its_columns(name: str) -> None:
    kind = BENCHMARKS[name]
    assert kind.name == name
    assert set(kind.key) <= set(kind.columns)
    assert set(kind.free) <= {field.name for field in fields(kind)}
    assert {part.partition(":")[0] for part in kind.shown.split()} <= set(kind.columns)
    assert len({*kind.columns, *PROVENANCE}) == len(kind.columns) + len(PROVENANCE)
    assert kind(**kind.quick) != kind(), "a short run is another one"


@pytest.mark.parametrize(
    "path", sorted(Path(__file__).parents[2].glob("benchmarks/results/*.csv")), ids=lambda p: p.name
)
def test_tables_of_before_are_readable(path: Path) -> None:
    """The published tables have the columns that their benchmark recognises a cell by, where a benchmark made them."""
    made = {"quantum-cpu": "quantum", "noise-cpu": "noise", "conversion-exactness": "exactness"}
    made |= {"conversion-cpu": "conversion", "conversion-cpu-2-threads": "conversion"}
    key = BENCHMARKS[made[path.stem]].key if path.stem in made else ()
    assert read_rows(path, key)


def loaded(line: str) -> set[str]:
    """The modules that a line loads beyond those of `import sqnn`."""
    code = f"import sqnn, sys; before = set(sys.modules); {line}; print(*set(sys.modules) - before)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_the_door_loads_nothing() -> None:
    """`import sqnn.bench` is one file that loads its parts when they are asked for."""
    assert loaded("import sqnn.bench") - {"lazy_loader"} == {"sqnn.bench"}


def test_the_benchmarks_load_no_peer() -> None:
    names = loaded("from sqnn.bench import BENCHMARKS")
    tops = {name.partition(".")[0] for name in names}
    assert "sqnn.bench.quantum" in names
    assert tops.isdisjoint({"jax", "tensorcircuit", "deepquantum", "spikingjelly", "has_8", "pennylane_qiskit"})


def test_a_noise_benchmark_does_not_go_on_with_other_circuits(tmp_path: Path) -> None:
    row = {"task": "exact, forward", "command": "sqnn bench noise --budget 0.2"}
    with pytest.raises(ConfigError, match="qubits: the default there, 4 here"):
        next(BENCHMARKS["noise"](qubits=4).run(before=[row]))
    with pytest.raises(ConfigError, match=r"noise: paper\*0\.5 there, the default here"):
        next(BENCHMARKS["noise"]().run(before=[{**row, "command": "sqnn bench noise --noise 'paper*0.5'"}]))


def test_a_peer_without_readout_errors_is_left_out_with_a_note() -> None:
    """The measured engines are all of ours; the peer that cannot take part has a row without numbers."""
    pytest.importorskip("qiskit_aer")
    benchmark = BENCHMARKS["noise"](noise="readout:0.02", qubits=2, blocks=1, budget=0.001)
    rows = next(iter(benchmark.cells())).measure()
    (absent,) = [row for row in rows if row.get("note")]
    assert absent["engine"] == "Aer density matrix, SaveExpectationValue"
    assert absent["note"] == "left out: it has no readout errors"
    assert "seconds" not in absent
    assert [row["engine"] for row in rows if row.get("seconds")] == ["sqnn lightcone", "sqnn aer"]


def test_damaged_images_are_an_error_and_no_proof_on_others(tmp_path: Path) -> None:
    from sqnn.bench.exactness import find_data
    from sqnn.data import DATASETS

    assert {data.name for data in find_data(tmp_path).values()} == {"digits"}
    for name in DATASETS["mnist"].downloads:
        (tmp_path / name).write_bytes(b"no images")
    with pytest.raises(DataError, match="not an IDX file"):
        find_data(tmp_path)


def test_a_proof_builds_a_network_once_and_keeps_none(monkeypatch: pytest.MonkeyPatch) -> None:
    from sqnn.bench import exactness

    built: list[weakref.ref[torch.nn.Module]] = []

    def source(*_: object) -> torch.nn.Module:
        network = torch.nn.Identity()
        built.append(weakref.ref(network))
        return network

    monkeypatch.setattr(exactness, "source", source)
    monkeypatch.setattr(exactness, "measure", lambda network, *_: [{"bits": id(network())}])
    benchmark = BENCHMARKS["exactness"](models="resnet20", pixels="28", timesteps="2,3")
    cells = [cell.measure()[0]["bits"] for cell in benchmark.cells()]
    assert len(built) == 2
    assert cells[0] == cells[1]
    gc.collect()
    assert [network() for network in built] == [None, None]
