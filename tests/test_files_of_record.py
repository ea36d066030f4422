"""Files that numbers rest on: each fault is noticed in one line or changes nothing, and no announcement is believed."""

from __future__ import annotations

import dataclasses
import json
import shutil
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest
import records
import safetensors.torch
import torch
import yaml
from records import refuse

import noise_models
import sqnn
from noise_models import Noise
from sqnn.cli import main
from sqnn.core import Config, ConfigError, RecordWarning, digest, option, read_record, write_record
from sqnn.models import ModelFileError
from sqnn.studies import ResultsTable, TableError
from sqnn.training import CheckpointError, RunError, RunFolder, SafeCheckpointIO
from sqnn.training.records import SettingsRecord

FEWER = {"spiking network": (15, 5, 15), "network": (60, 15, 60), "images": (40, 15, 40)}
"""Faults of kinds that take long to read; `python tests/support/records.py` tries all."""
KINDS = (
    *("network", "spiking network", "checkpoint", "settings of a run", "result of a run", "rows of a study"),
    *("settings of a study", "noise (JSON)", "images (IDX)", "images (IDX, gzipped)", "images (CIFAR)"),
    *("images (CIFAR, archive)", "options (--config)", "array (.npy)", "picture (.png)"),
)


@pytest.fixture(scope="module")
def kinds(tmp_path_factory: pytest.TempPathFactory) -> dict[str, records.Kind]:
    return records.kinds(tmp_path_factory.mktemp("kinds"))


@pytest.mark.parametrize("name", KINDS)
def test_every_fault_is_noticed_or_changes_nothing(kinds: dict[str, records.Kind], name: str) -> None:
    assert set(KINDS) == set(kinds)
    numbers = FEWER.get(name.split(" (")[0], (records.FLIPS, records.CUTS, records.EDITS))
    counts = records.tally(kinds[name], *numbers)
    assert counts.wrong == []
    assert counts.refused > sum(numbers) / 20, "the faults were none"
    assert counts.same + counts.refused + counts.fewer == sum(numbers)


@pytest.fixture
def run(kinds: dict[str, records.Kind], tmp_path: Path) -> RunFolder:
    """A copy of the run's folder."""
    shutil.copytree(kinds["settings of a run"].path.parent, tmp_path / "run")
    return RunFolder(tmp_path / "run")


BOMBS = {
    "nested": ("[" * 50_000, "nested more than 64 deep"),
    "nested mappings": ("{a: " * 50_000, "nested more than 64 deep"),
    "aliases": (
        "a0: &a0 [1,1,1,1,1,1,1,1,1,1]\n" + "".join(f"a{n}: &a{n} [{f'*a{n - 1},' * 10}]\n" for n in range(1, 10)),
        "more than 100,000 values",
    ),
    "aliases in a row": (
        "a0: &a0 [1]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, 200)),
        "nested more than 64 deep",
    ),
    "itself": ("a: &a {b: *a}", "more than 100,000 values"),
    "many": ("a: [" + "1," * 30_000 + "]", "more than 20,000 values"),
    "long": ("a: " + "x" * 300_000, "more than 262,144 characters"),
    "digits": ("a: " + "7" * 5_000, "a whole number of 5,000 digits"),
    "twice": ("model: a\nmodel: b", "'model' is given twice"),
    "code": ("!!python/object/apply:os.getcwd []", "a value of kind"),
    "no text": ("a: \x01", "special characters are not allowed"),
}


@pytest.mark.parametrize("name", BOMBS)
def test_yaml_stays_within_bounds(run: RunFolder, tmp_path: Path, name: str, capsys: pytest.CaptureFixture) -> None:
    text, expected = BOMBS[name]
    run.settings.write_text(text)
    refuse(run.read_settings, RunError, f"run: .*settings.yaml is damaged .*{expected}.*restore it")
    options = tmp_path / "options.yaml"
    options.write_text(text)
    assert main(["train", "--config", str(options)]) == 2
    told = capsys.readouterr().err
    assert (told.count("\n"), len(told) < records.LONGEST_LINE) == (1, True)


def test_messages_do_not_print_a_value_whole(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    options = tmp_path / "options.yaml"
    for value in ([["x" * 50] * 50] * 9, "y" * 10_000, {"z" * 1000: 1}, list(range(1_000))):
        for name in ("epochs", "model", "channels", "noise", "w" * 5_000):
            options.write_text(yaml.safe_dump({name: value}))
            assert main(["train", "--config", str(options), "--out", str(tmp_path / "run")]) == 2
            told = capsys.readouterr().err
            # The longest line names every option.
            assert (told.count("\n"), len(told) < 2 * records.LONGEST_LINE) == (1, True), told[:200]


JSON_FAULTS = {
    "missing": (lambda r: r.pop("test_loss"), "test_loss: is missing"),
    "too high": (lambda r: r.update(test_accuracy=7.5), "test_accuracy: got 7.5, expected a number from 0 to 1"),
    "another accuracy": (lambda r: r.update(test_accuracy=0.5), "expected that of the confusion matrix, 6 of 8"),
    "negative": (lambda r: r.update(test_loss=-3.0), "test_loss: got -3.0, expected a number of at least 0"),
    "no count": (lambda r: r.update(epochs=1.5), "epochs: got 1.5, expected a whole number"),
    "text": (lambda r: r.update(seconds="1"), "seconds: got '1', expected a number"),
    "another shape": (lambda r: r.update(confusion=[[3, 1]]), "confusion: got"),
    "another sum": (lambda r: r["parameters"].update(total=99), "parameters: got"),
    "another number": (lambda r: r.update(validation_accuracy=0.625), "its sha256 is that of other content"),
}


@pytest.mark.parametrize("name", JSON_FAULTS)
def test_a_result_has_a_schema(run: RunFolder, name: str) -> None:
    change, expected = JSON_FAULTS[name]
    result = json.loads(run.result.read_text())
    change(result)
    run.result.write_text(json.dumps(result))
    refuse(run.read_result, RunError, f"^run: .*result.json is damaged .*{expected}.*; restore it from a copy")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"test_loss": NaN}', "expected finite numbers"),
        ('{"test_loss": 1e400}', "the number '1e400', expected finite numbers"),
        ('{"test_loss": 1, "test_loss": 2}', "'test_loss' is given twice"),
        ("[" * 90_000, "nested more than 64 deep"),
        ("[" + "1," * 1_100_000 + "1]", "more than"),
        ('{"epochs": %s}' % ("9" * 3_000), "a whole number of 3,000 digits"),
        ('{"model": "\\ud800"}', "surrogates"),
        ("[]", "names with values"),
    ],
)
def test_json_stays_within_bounds(run: RunFolder, text: str, expected: str) -> None:
    run.result.write_text(text)
    refuse(run.read_result, RunError, expected)


def test_newer_versions_may_add_names_and_older_ones_lack_digests(tmp_path: Path) -> None:
    path = tmp_path / "settings.yaml"
    values = {"model": "m", "config": {"width": 1e-05, "text": "1e-3"}, "training": {}, "data": {}, "threads": 2}
    schema = SettingsRecord
    write_record(path, values)
    assert read_record(path, schema) == values
    path.write_text(path.read_text().split("\n", 1)[1])
    with pytest.warns(RecordWarning, match="settings.yaml carries no digest") as caught:
        assert read_record(path, schema) == values
    assert len(caught) == 1


def test_a_digest_is_that_of_the_content_and_not_of_its_spelling(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    write_record(path, {"b": [1, 2.5, None, "ä"], "a": {"y": 1, "x": True}})
    stored = json.loads(path.read_text())
    path.write_text(json.dumps(dict(sorted(stored.items(), reverse=True)), separators=(",", ":")))
    assert read_record(path) == {"b": [1, 2.5, None, "ä"], "a": {"y": 1, "x": True}}
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1}) != digest({"a": 1, "b": 2.0})


def test_a_checkpoint_belongs_to_the_settings_of_its_run(run: RunFolder) -> None:
    assert SafeCheckpointIO(run.settings).load_checkpoint(run.last)["epoch"] == 1
    settings = run.read_settings()
    write_record(run.settings, {**settings, "training": {**settings["training"], "learning_rate": 0.5}})
    files = SafeCheckpointIO(run.settings)
    refuse(lambda: files.load_checkpoint(run.last), CheckpointError, "trained under other settings than those of")
    assert SafeCheckpointIO().load_checkpoint(run.last)["epoch"] == 1


def test_a_result_belongs_to_its_settings_and_its_network(run: RunFolder, kinds: dict[str, records.Kind]) -> None:
    settings, result = run.read_settings(), run.read_result()
    shutil.copy(kinds["network"].path, run.model)
    stored = sqnn.models.read_header(run.model)["sha256"]
    write_record(run.result, {**result, "settings_sha256": digest(settings), "network_sha256": stored})
    again = run.read_result()
    assert run.read_network(again).config.n_qubits == 2
    other = sqnn.create_model("sqdr-cnn", image_size=(4, 4), channels=(2,), n_qubits=2, num_classes=3, seed=4)
    sqnn.save_model(other, run.model)
    refuse(lambda: run.read_network(again), RunError, r"result.json was measured with another network than .*model")
    write_record(run.settings, {**settings, "data": {"name": "mnist"}})
    refuse(run.read_result, RunError, "result.json is the result of other settings")


def test_images_of_a_run_are_compared_wherever_they_are_loaded(
    kinds: dict[str, records.Kind], capsys: pytest.CaptureFixture
) -> None:
    """Other images of the same name, in the same place: every command says so, named or not."""
    path = kinds["images (IDX)"].path
    folder, whole = path.parents[2] / "run of IDX", path.read_bytes()
    model = sqnn.create_model("sqdr-cnn", image_size=(4, 4), channels=(2,), n_qubits=2, num_classes=10)
    sqnn.save_model(model, folder / "model.safetensors")
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    try:
        for words in (
            ["evaluate", folder],
            ["evaluate", folder, "--data", "mnist"],
            ["convert", folder],
            ["noise-sweep", folder, "--workers", "0", "--out", folder / "sweep"],
            ["noise-sweep", folder, "--data", "mnist", "--workers", "0", "--out", folder / "sweep"],
            ["train", "--resume", folder],
        ):
            assert main(list(map(str, words))) == 2
            told = capsys.readouterr().err
            assert told.count("\n") == 1
            assert "of other content, expected the images that" in told
    finally:
        path.write_bytes(whole)
        (folder / "model.safetensors").unlink()


def without_digest(file: Path, **header: object) -> Path:
    """A network's file as an earlier version wrote it, with other values in its header."""
    with safetensors.safe_open(file, "pt") as opened:
        stored = opened.metadata()
    del stored["sha256"]
    config = {**json.loads(stored["config"]), **header}
    target = file.with_name("giant.safetensors")
    safetensors.torch.save_file(safetensors.torch.load_file(file), target, {**stored, "config": json.dumps(config)})
    return target


@pytest.mark.parametrize(
    "header",
    [
        {"n_qubits": 10**9},
        {"channels": [1500]},
        {"mlp_hidden": [1000, 1000]},
        {"n_blocks": 10**7},
        {"num_classes": 800},
    ],
)
def test_a_network_is_no_larger_than_its_file(kinds: dict[str, records.Kind], header: dict) -> None:
    path = without_digest(kinds["network"].path, **header)
    refuse(lambda: sqnn.load_model(path), ModelFileError, "builds no network .*(that the file holds|of the file)")


def test_headers_of_networks_are_no_longer_than_their_files(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    entry = {"weight": {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 2**42]}}
    text = json.dumps(entry).encode()
    for data in (
        b"\xff" * 8 + b"{}",
        struct.pack("<Q", 2**30) + b"{}",
        struct.pack("<Q", len(text)) + text + bytes(8),
        struct.pack("<Q", 60_000) + b"[" * 60_000,
    ):
        path.write_bytes(data)
        refuse(lambda: sqnn.load_model(path), ModelFileError, "is not a whole safetensors file")


def test_a_checkpoint_announces_no_more_than_it_holds(run: RunFolder) -> None:
    with zipfile.ZipFile(run.last, "w", zipfile.ZIP_DEFLATED) as bomb:
        bomb.writestr("archive/data.pkl", bytes(2**26))
    assert run.last.stat().st_size < 2**17
    files = SafeCheckpointIO(run.settings)
    refuse(lambda: files.load_checkpoint(run.last), CheckpointError, "announce more than the file holds")
    for parts in (
        b"\x80\x02U\x07storageX\x01\x00\x00\x000J\xff\xff\xff\x7ftQ.",
        b"\x80\x02cbuiltins\nbytearray\nJ\xff\xff\xff\x7f\x85R.",
    ):
        with zipfile.ZipFile(run.last, "w") as file:
            file.writestr("archive/data.pkl", parts)
        refuse(lambda: files.load_checkpoint(run.last), CheckpointError, "tensors announce more than the file holds")
    giant = {name: {} for name in ("state_dict", "epoch", "global_step", "loops", "callbacks", "optimizer_states")}
    torch.save({**giant, "lr_schedulers": torch.zeros(1).expand(2**40)}, run.last)
    refuse(lambda: files.load_checkpoint(run.last), CheckpointError, "more values than a file of its size holds")


def test_rows_have_a_schema(tmp_path: Path) -> None:
    table = ResultsTable(tmp_path / "rows.csv")
    table.append([{"noise": "n", "accuracy": 0.75, "loss": 1.5, "draw": 3}])
    header, row = table.path.read_text().splitlines()
    values = dict(zip(header.split(","), row.split(","), strict=True))
    for name, text, expected in (
        ("accuracy", "7.5", r"accuracy: got 7.5, expected a number from 0 to 1"),
        ("accuracy", "nan", "accuracy: got 'nan', expected a number"),
        ("loss", "-3.0", "loss: got -3.0, expected a number of at least 0"),
        ("loss", "inf", "loss: got inf"),
        ("loss", "1_5", "loss: got '1_5', expected a number"),
        ("loss", "1e400", "loss: got inf"),
        ("draw", "-1", "draw: got -1, expected a whole number of at least 0"),
        ("draw", "4", "its sha256 is that of another row"),
        ("noise", "m", "its sha256 is that of another row"),
        ("sha256", "", "its sha256 is that of another row"),
        ("noise", "a\0b", "a zero byte"),
    ):
        table.path.write_text(f"{header}\n{','.join({**values, name: text}.values())}\n")
        refuse(table.rows, TableError, f"line 2 of .*rows.csv is damaged .*{expected}.*; remove it")
    older, plain = (text.rsplit(",", 1)[0] for text in (header, row))
    table.path.write_text(f"{older}\n{plain}\n")
    with pytest.warns(RecordWarning, match="rows.csv has rows without digests"):
        assert [row["loss"] for row in table.rows()] == [1.5]


def test_logs_that_are_damaged_are_named(run: RunFolder) -> None:
    log = run.logs / "csv" / "version_0" / "metrics.csv"
    log.parent.mkdir(parents=True)
    for text, expected in (
        ("epoch,train_loss\n0,abc\n", "Unable to parse"),
        ("epoch,train_loss\n0.5,1\n", "an epoch that is no whole number"),
        ("epoch,train_accuracy\n0,7\n", "'train_accuracy' outside"),
        ('epoch,train_loss\n0,"1\n', "EOF inside string"),
        ("epoch\n1,2,3\n4\n1,2,3,4,5\n", "Expected 3 fields"),
    ):
        log.write_text(text)
        refuse(run.read_history, RunError, f"run: .*metrics.csv is damaged .*{expected}")
    log.write_bytes(b"\xff\xfe,1\n")
    refuse(run.read_history, RunError, "metrics.csv is damaged")


def test_noise_that_was_changed_is_refused(tmp_path: Path) -> None:
    text = noise_models.depolarizing(0.25).to_json()
    changed = text.replace("0.25", "0.2")
    refuse(lambda: Noise.from_json(changed), ValueError, "^text: its sha256 is that of other noise.*restore it")
    stored = json.loads(text)
    assert Noise.from_json(json.dumps(stored, indent=2, sort_keys=True)) == noise_models.depolarizing(0.25)
    del stored["sha256"]
    assert Noise.from_json(json.dumps(stored)) == noise_models.depolarizing(0.25)
    file = tmp_path / "noise.json"
    file.write_text(json.dumps(stored))
    with pytest.warns(UserWarning, match="noise.json carries no digest"):
        assert noise_models.parse_noise(str(file)) == noise_models.depolarizing(0.25)
    for bad in (text.replace("0.25", "NaN"), text.replace("0.25", "1e999"), "[" * 10**5, text.replace('"p"', '"kind"')):
        refuse(lambda bad=bad: Noise.from_json(bad), ValueError, "^text: got .*expected JSON written by")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sizes(Config):
    """A schema of a mapping and a field that must be there."""

    counts: Mapping[str, int] = option(dataclasses.MISSING, "counts by name", least=0)


def test_a_schema_can_have_mappings_and_fields_that_must_be_there() -> None:
    assert Sizes.from_dict({"counts": {"a": 1}}).counts == {"a": 1}
    for values, expected in (
        ({}, "counts: is missing, expected counts by name"),
        ({"counts": {"a": -1}}, "counts.a: got -1, expected a whole number of at least 0"),
        ({"counts": {"a": 1.5}}, "counts.a: got 1.5, expected a whole number"),
        ({"counts": {1: 1}}, "counts: got {1: 1}, expected names with values"),
        ({"counts": [1]}, r"counts: got \[1\], expected names with values"),
    ):
        with pytest.raises(ConfigError, match=f"^{expected}"):
            Sizes.from_dict(values)
