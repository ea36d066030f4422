"""A folder of one's own pictures through every command, moved and mistaken for others."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from commands import Told
from PIL import Image
from recordings import write_set

import sqnn
from sqnn.cli import main
from sqnn.studies import ConversionStudy, LayerStudy

NET = "--model resnet20 --width-multiplier 0.125 --epochs 1 --no-progress --activation qcfs --timesteps 2"
CLASSES = ("cat", "dog")


def draw(path: Path, seed: int, size: tuple[int, int] = (20, 24)) -> None:
    """A picture that is light on dark, with a border of its background."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.zeros(size, np.uint8)
    pixels[4:-4, 4:-4] = np.random.default_rng(seed).integers(100, 256, (size[0] - 8, size[1] - 8))
    Image.fromarray(pixels).save(path)


def folder(root: Path, classes: tuple[str, ...] = CLASSES, start: int = 0) -> Path:
    for number, name in enumerate(classes):
        for each in range(10):
            draw(root / name / f"{each}.png", start + 100 * number + each)
    return root


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with pictures in `pets`, others in `new`, and a run on the pets."""
    place = tmp_path_factory.mktemp("own")
    folder(place / "pets")
    folder(place / "new", start=5000)
    write_set(place / "recorded", {"cat": 1, "dog": 1})
    command = f"train --data {place}/pets --size 16x16 {NET} --out {place}/run"
    assert main(command.split()) == 0
    return place


def test_a_run_knows_where_its_pictures_are(own: Path, told: Told) -> None:
    run = sqnn.Run.load(own / "run")
    assert run.result["classes"] == list(CLASSES)
    stored = sqnn.training.RunFolder(own / "run").read_settings()["data"]
    assert stored == {
        "name": "pets", "kind": "folder", "path": str(own / "pets"), "size": [16, 16], "classes": list(CLASSES),
    }  # fmt: skip
    assert "pets, test" in told("evaluate run --no-progress --json e.json")
    expected = sqnn.ImageData.from_folder(own / "pets", size=16)
    assert json.loads((own / "e.json").read_text())["accuracy"] == sqnn.evaluate(run.model, expected).accuracy
    assert "note" not in told("evaluate run --data pets --no-progress")


def test_a_moved_folder_is_found_by_its_path(own: Path, told: Told) -> None:
    (own / "pets").rename(own / "elsewhere")
    try:
        assert "nothing at" in (line := told("!evaluate run --no-progress"))
        assert "--data PATH" in line
        assert "note" not in told("evaluate run --data elsewhere --no-progress")
        shutil.copytree(own / "run", own / "half")
        for name in ("result.json", "model.safetensors", "training.png"):
            (own / "half" / name).unlink()
        assert "nothing at" in told("!train --resume half --no-progress")
        assert "of other content" in told("!train --resume half --data new --no-progress")
        told("train --resume half --data elsewhere --no-progress")
        half, whole = sqnn.Run.load(own / "half"), sqnn.Run.load(own / "run")
        assert half.result["confusion"] == whole.result["confusion"]
    finally:
        (own / "elsewhere").rename(own / "pets")


def test_other_pictures_are_measured_and_said(own: Path, told: Told) -> None:
    line = told("evaluate run --data new --no-progress")
    assert (
        "note: other images than those that run began with: ImageData('new': train 14, validation 2, test 4; 1x16x16"
        in line
    )
    shutil.copytree(own / "pets", own / "fewer")
    (own / "fewer" / "cat" / "3.png").unlink()
    for split, said in (("test", True), ("validation", True), ("train", False)):
        line = told(f"evaluate run --data fewer --split {split} --no-progress")
        assert (f"{split} was drawn anew and may hold images that it was trained on" in line) is said
        assert "note: other images" in line
    for part in ("train", "test"):
        shutil.copytree(own / "fewer", own / "parted" / part)
    line = told("evaluate run --data parted --no-progress")
    assert "note: other images" in line
    assert "drawn anew" not in line
    shutil.copytree(own / "new" / "dog", own / "part" / "dog", dirs_exist_ok=True)
    assert "holds one class" not in (
        line := told("evaluate run/model.safetensors --data part --split train --no-progress")
    )
    assert "dog 0 0" not in line
    shutil.copy(own / "run" / "model.safetensors", own / "lone.safetensors")
    unknown = "note: lone.safetensors does not say what it was trained on; test was drawn anew and may hold images"
    assert unknown in told("evaluate lone.safetensors --data pets --no-progress")
    assert "note" not in told("evaluate lone.safetensors --data parted --no-progress")
    folder(own / "birds", ("crow", "owl"))
    assert "got the class 'crow', expected one of ['cat', 'dog']" in told("!evaluate run --data birds --no-progress")
    np.savez(
        own / "mine.npz", images=np.eye(20, 256, dtype=np.uint8).reshape(20, 16, 16) * 255, labels=np.arange(20) % 2
    )
    assert "got the classes ['0', '1'], expected ['cat', 'dog'], as run has" in told("!evaluate run --data mine.npz")


def test_the_other_commands_take_the_path(own: Path, told: Told) -> None:
    assert "run on pets" in told("convert run --verify --no-progress --precision double")
    assert "run on new" in told("convert run --data new --no-progress --out two.safetensors")
    assert "on new, test" in told("evaluate two.safetensors --data new --no-progress")
    assert "resnet20" in told("count --model resnet20 --data pets --image-size 16x16 --width-multiplier 0.125")
    assert told("count run").split()[3:] == told(
        "count --model resnet20 --data pets --image-size 16x16 --width-multiplier 0.125 --activation qcfs --timesteps 2"
    ).split()[3:]  # fmt: skip


@pytest.mark.slow
def test_a_noise_sweep_on_pictures_of_ones_own(own: Path, told: Told) -> None:
    told(
        "train --data pets --size 8 --epochs 1 --channels 2 --n-qubits 2 --no-progress --accelerator cpu --out quantum"
    )
    sweep = "noise-sweep quantum --noise depolarizing --strength 0.1 --workers 0 --no-progress"
    told(f"{sweep} --out one")
    told(f"{sweep} --data new --out two")
    rows = {name: pd.read_csv(own / name / "rows.csv") for name in ("one", "two")}
    assert {name: set(each.data) for name, each in rows.items()} == {"one": {"pets"}, "two": {"new"}}
    assert "size: got (4, 4)" in told(f"!{sweep} --size 4 --out three")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("train --data digits --size 8", "size: got (8, 8), expected none"),
        ("train --data pets --data-dir .", "data_dir: got"),
        ("train --data none", "data: got 'none', expected one of digits"),
        ("train --data pets --in-channels 2", "channels: got 2, expected 1 (grey) or 3"),
        ("train --data pets/cat", "holds no folder"),
        ("evaluate run --data-dir . --data pets", "data_dir: got"),
        ("evaluate run --size 4", "expected none: the size is that of the network (16 x 16); leave it out"),
        ("evaluate run --in-channels 3", "expected none: the channels are those of the network; leave it out"),
        ("evaluate run --data recorded", "recorded holds recordings of events, but run was trained on pictures"),
    ],
)
def test_a_mistake_is_one_line(told: Told, line: str, expected: str) -> None:
    assert expected in told(f"!{line} --no-progress")


def test_files_and_folders_are_predicted_together(own: Path, told: Told) -> None:
    line = told("predict run pets/cat pets/dog/3.png --json p.json")
    written = json.loads((own / "p.json").read_text())
    assert len(written["probabilities"]) == len(written["images"]) == 11
    assert written["images"][10] == "pets/dog/3.png"
    assert "11 files" in line
    assert "note" not in line
    (own / "deep" / "er").mkdir(parents=True, exist_ok=True)
    assert "holds the folder er, expected pictures alone" in told("!predict run deep")
    (own / "bare").mkdir(exist_ok=True)
    assert "bare: holds no pictures" in told("!predict run bare")
    Image.new("L", (16, 16), 255).save(own / "blank.png")
    assert "comes out as one level everywhere (255 of 255)" in told("!predict run pets/dog/3.png blank.png")


def test_ink_on_paper_is_pointed_out_and_turned_round(own: Path, told: Told) -> None:
    pixels = np.asarray(Image.open(own / "pets" / "cat" / "0.png"))
    Image.fromarray(255 - pixels).save(own / "paper.png")
    assert "paper.png: dark on light, but the training images are light on dark; --invert" in told(
        "predict run paper.png"
    )
    assert "note" not in told("predict run paper.png --invert --json turned.json")
    assert "leave --invert out" in told("predict run pets/cat/0.png --invert")
    told("predict run pets/cat/0.png --json plain.json")
    turned, plain = (json.loads((own / f"{name}.json").read_text())["probabilities"] for name in ("turned", "plain"))
    np.testing.assert_allclose(turned, plain, atol=0.02)


def test_a_default_of_a_study_does_not_ask_for_more_than_there_is(own: Path) -> None:
    data = sqnn.ImageData.from_folder(own / "pets", size=16)
    study = LayerStudy(model="has8-vgg")
    assert study.shared_columns(study.prepare(data), study.cells()[0])["images"] == len(data.train) < study.images
    with pytest.raises(ValueError, match="images: got 20, expected at most the 14 training images"):
        LayerStudy(model="has8-vgg", images=20).prepare(data)
    subject = ConversionStudy().prepare(own / "run", data)
    assert len(subject.calibration) == len(data.train)
    with pytest.raises(ValueError, match="calibration: got 20, expected at most the 14"):
        ConversionStudy(calibration=20).prepare(own / "run", data)


def test_arrays_in_memory_live_in_python_only(own: Path, told: Told) -> None:
    images = np.random.default_rng(0).integers(0, 256, (30, 16, 16), dtype=np.uint8)
    data = sqnn.ImageData.from_arrays(images, np.arange(30) % 2, classes=CLASSES, name="mine")
    model = sqnn.create_model("resnet20", data=data, width_multiplier=0.125)
    sqnn.fit(model, data, epochs=1, out=own / "memory", progress=False)
    assert "was trained on 'mine', which is no named data set; pass the images as data, or name" in told(
        "!evaluate memory"
    )
    assert "note: other images" in told("evaluate memory --data pets --no-progress")
    np.savez(own / "mine.npz", images=images, labels=np.arange(30) % 2, classes=np.array(CLASSES))
    assert "note" not in told("evaluate memory --data mine.npz --no-progress")


def test_a_sweep_compares_its_images_with_those_of_every_run(own: Path, told: Told) -> None:
    small = "--size 16x16 --channels 2,2 --n-qubits 2 --epochs 1 --no-progress"
    assert "training sqdr-cnn on pets, the default without --model;" in told(f"train --data pets {small} --out q1")
    told(f"train --data new {small} --seed 1 --out q2")
    line = told("!noise-sweep q2 q1 --data new --images 1000 --no-progress --out s")
    assert "note: other images than those that q1 began with" in line
    assert "than those that q2 began with" not in line
    shutil.copytree(own / "new", own / "there" / "pets")
    assert "note: other images" in told("!noise-sweep q1 --data there/pets --images 1000 --no-progress --out s")
