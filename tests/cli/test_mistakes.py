"""Every mistake gets exit code 2 and one line on stderr that names what was wrong."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from circuits.kernels import kernels
from sqnn.cli import main
from sqnn.core import write_record

T = "train --no-progress --out new --epochs 1"
IN_STUDY = "compared is the folder of the study compare; give one run in it, such as compared/runs/net-1/0"

MISTAKES = [
    ("bogus", "No such command 'bogus'"),
    ("--bogus", "No such option: --bogus"),
    ("train --bogus 1", "No such option: --bogus"),
    (f"{T} --model bogus", "model: got 'bogus', expected one of sqdr-cnn"),
    (f"{T} --data bogus", "data: got 'bogus', expected one of digits, mnist"),
    (f"{T} --encoding bogus", "encoding: got 'bogus', expected one of direct, rate"),
    (f"{T} --neuron bogus", "neuron: got 'bogus', expected one of if, lif"),
    (f"{T} --engine bogus", "engine: got 'bogus', expected one of lightcone, pennylane"),
    (f"{T} --entangler bogus", "entangler: got 'bogus', expected one of ring"),
    (f"{T} --engine pennylane --device bogus", "device: PennyLane has no device 'bogus'"),
    (f"{T} --engine pennylane --diff-method bogus", "diff_method: got 'bogus', expected one of best"),
    (f"{T} --engine pennylane --device lightning.qubit --diff-method backprop", "diff_method: 'backprop' does not fit"),
    (f"{T} --engine pennylane --n-qubits 60", "n_qubits: got 60, expected at most 30 with engine pennylane"),
    (f"{T} --device cuda", "device: got 'cuda', expected a PennyLane device, which evaluates the circuit with engine"),
    (f"{T} --device lightning.qubit", "device: got 'lightning.qubit', which has no effect where engine is 'lightcone'"),
    (f"{T} --surrogate bogus", "surrogate: got 'bogus', expected one of atan"),
    (f"{T} --readout bogus", "readout: got 'bogus', expected one of spike, membrane"),
    (f"{T} --reset bogus", "reset: got 'bogus', expected one of subtract"),
    (f"{T} --initial bogus", "initial: got 'bogus', expected one of uniform"),
    (f"{T} --optimizer bogus", "optimizer: got 'bogus', expected one of adam"),
    (f"{T} --schedule bogus", "schedule: got 'bogus', expected one of one-cycle"),
    (f"{T} --rule bogus", "rule: got 'bogus', expected one of backprop, hybrid"),
    (f"{T} --rule stdp", "rule: got 'stdp', which trains competing neurons; add --model snn-wta"),
    (f"{T} --rule-options rho=1", "rule_options: got rho, which is an option of a learning rule; add --rule hybrid"),
    (f"{T} --rule hybrid --rule-options rho", "rule_options: got 'rho', expected name=value, such as rho=0.1"),
    (f"{T} --rule hybrid --rule-options rho=-1", "rho: got -1.0, expected a number from 0 to 100"),
    (f"{T} --model snn-wta --rule backprop", "rule: got 'backprop', expected one of stdp, r-stdp"),
    (f"{T} --model snn-wta --rule-options eta=1", "rule_options: got 'eta=1', expected none with snn-wta"),
    (f"{T} --augmentation bogus", "augmentation: got 'bogus', expected one of none, shift, shift-flip, affine"),
    (f"{T} --bit-penalty -1", "bit_penalty: got -1.0, expected a number of at least 0"),
    (f"{T} --bit-penalty 0.1", "bit_penalty: got a network without qcfs activations"),
    (
        f"{T} --init missing",
        "init: no file missing, expected a run's folder or a network's file; check the spelling and the",
    ),
    (f"{T} --init full", "init: no file full/model.safetensors; give a run's folder, or a network's file"),
    (f"{T} --init random", "init: random is no safetensors file, or no whole one (its beginning is no header); give a"),
    (f"{T} --init run", "init: run/model.safetensors is of another architecture"),
    (f"{T} --init other.safetensors --n-qubits 3", "init: other.safetensors is of another architecture"),
    (
        f"{T} --init run --model has8-vgg",
        "init: run/model.safetensors holds a sqdr-cnn, expected a has8-vgg; add --model sqdr-cnn",
    ),
    (f"{T} --config init.yaml", "init: got 3, expected a path"),
    (f"{T} --epochs 0", "epochs: got 0, expected a whole number from 1 to 2,147,483,647"),
    (f"{T} --epochs -1", "epochs: got -1"),
    (f"{T} --epochs abc", "epochs: got 'abc', expected a whole number"),
    (f"{T} --learning-rate=fast", "learning_rate: got 'fast', expected a number"),
    (f"{T} --learning-rate nan", "learning_rate: got nan"),
    (f"{T} --learning-rate 0", "learning_rate: got 0.0, expected a number above 0"),
    (f"{T} --learning-rate 1e38", "learning_rate: got 1e+38"),
    (f"{T} --gradient-clip -1", "gradient_clip: got -1.0"),
    (f"{T} --weight-decay inf", "weight_decay: got inf"),
    (f"{T} --batch-size 1", "batch_size: got 1, expected a whole number from 2"),
    (f"{T} --batch-size 100000000", "batch_size: got 100000000, expected a whole number from 2 to 1,000,000"),
    (f"{T} --timesteps 5", "timesteps: got 5, expected a multiple of planes = 8 (encoding phase)"),
    (f"{T} --timesteps 0", "timesteps: got 0, expected a whole number of at least 1"),
    (f"{T} --channels 2,x", "channels: got '2,x', expected whole numbers with commas"),
    (f"{T} --channels ,", "channels: got (), expected one or more positive widths"),
    (f"{T} --channels 2,2,2,2", "image_size: got (8, 8), expected at least 16 x 16 pixels for 4 pooling blocks"),
    (f"{T} --mlp-hidden 0", "mlp_hidden: got 0, expected a whole number of at least 1"),
    (f"{T} --n-qubits 0", "n_qubits: got 0, expected a whole number of at least 1"),
    (f"{T} --no-mlp --n-qubits 5", "n_qubits: got 5, expected at least num_classes = 10 where mlp is off"),
    (f"{T} --beta 1.5", "beta: got 1.5"),
    (f"{T} --learn-beta", "learn_beta: got True, expected neuron lif"),
    (f"{T} --threshold 0.0005 --learn-threshold", "threshold: got 0.0005, expected a learned threshold above 0.001"),
    (f"{T} --threshold 0", "threshold: got 0.0, expected a number above 0"),
    (f"{T} --seed -1", "seed: got -1"),
    (f"{T} --seed 5000000000", "seed: got 5000000000, expected a whole number from 0 to 4,294,967,295"),
    (f"{T} --validation 100000", "validation: got 100000, expected a whole number from 0 to"),
    (f"{T} --devices 0 --accelerator cpu", "devices: got 0, expected a whole number of at least 1, or -1 for all GPUs"),
    (f"{T} --devices -3 --accelerator cpu", "devices: got -3, expected a whole number of at least 1, or -1 for all"),
    (f"{T} --accelerator bogus", "accelerator='bogus'"),
    (f"{T} --accelerator tpu", "accelerator='tpu'"),
    (f"{T} --data mnist --data-dir file", "data_dir: got the file 'file', expected the folder"),
    (f"{T} --json file/x.json", "json: cannot write file/x.json"),
    (f"{T} --json full", "json: full is a folder"),
    ("train --no-progress --out full", "out: full is not empty; choose another folder"),
    ("train --no-progress --out file", "out: file is a file, expected a folder"),
    ("train --no-progress --out file/x", "out: cannot write file/x"),
    (f"{T} --config missing.yaml", "config: no file missing.yaml, expected a YAML file of options; check"),
    (f"{T} --config broken.yaml", "config: broken.yaml is not readable YAML"),
    (f"{T} --config bytes.yaml", "config: bytes.yaml is not readable YAML"),
    (f"{T} --config full", "config: full is not readable YAML"),
    (f"{T} --config list.yaml", "config: list.yaml holds list, expected a mapping"),
    (f"{T} --config empty.yaml", "config: empty.yaml holds NoneType, expected a mapping"),
    (f"{T} --config unknown.yaml", "n_qbits: no such option of this command; did you mean 'n_qubits'?"),
    (f"{T} --config out.yaml", "data_dir: got [1], expected a path"),
    (f"{T} --config model.yaml", "model: got [1], expected a name"),
    (f"{T} --config devices.yaml", "devices: got {'a': 1}, expected a whole number"),
    (f"{T} --config channels.yaml", "channels: got 'x', expected a whole number"),
    ("train --resume full", "run: full holds no run (settings.yaml is missing; restore it from a copy)"),
    ("train --resume missing", "run: no folder missing; check the spelling and the current folder"),
    ("train --resume file", "run: file is a file, expected the folder of a run"),
    ("train --resume run", "run: run has finished; there is nothing to resume"),
    ("train --resume run --n-qubits 3", "n_qubits: --resume takes all settings from the run"),
    (f"{T} --other-arithmetic", "other_arithmetic: got True, expected none, or --resume FOLDER beside it"),
    ("train --resume run --init run", "init: --resume takes all settings from the run"),
    ("train --resume damaged", "run: damaged/settings.yaml is damaged"),
    ("evaluate", "Missing argument 'path'"),
    ("evaluate missing", "path: no file missing, expected a run's folder or a network's file; check the spelling and"),
    ("evaluate full", "path: no file full/model.safetensors"),
    ("evaluate random", "path: random is no safetensors file, or no whole one (its beginning is no header); give a"),
    ("evaluate other.safetensors", "data: digits has image_size (8, 8), but the network was built for (28, 28)"),
    ("evaluate run --data bogus", "data: got 'bogus', expected one of"),
    ("evaluate run --split bogus", "split: got 'bogus', expected one of train, validation, test"),
    ("evaluate run --engine bogus", "engine: got 'bogus'"),
    ("evaluate run --json file/x.json", "json: cannot write file/x.json"),
    ("predict run", "Missing argument 'images'"),
    (
        "predict run missing.png",
        "path: no file 'missing.png', expected an image file or a .npy array; check the spelling",
    ),
    ("predict run nan.npy", "nan.npy: has NaN or infinite values"),
    ("predict run high.npy", "high.npy: floats from 0 to 255, expected 0 to 1"),
    ("predict run size.npy", "size.npy: array of shape (9, 9), expected (8, 8)"),
    ("predict run objects.npy", "objects.npy: not a readable NumPy array of numbers"),
    ("predict run text.png", "text.png: not a readable image"),
    ("predict run full", "full/x: not a readable image"),
    (
        "predict random ok.npy",
        "path: random is no safetensors file, or no whole one (its beginning is no header); give a",
    ),
    ("predict run ok.npy --json file/x.json", "json: cannot write file/x.json"),
    ("count --image-size abc", "image_size: got 'abc', expected height and width such as 28x28"),
    ("count --image-size ²x²", "image_size: got '²x²'"),
    ("count --image-size 1x1", "image_size: got (1, 1), expected at least 8 x 8 pixels"),
    ("count --num-classes 1", "num_classes: got 1, expected a whole number of at least 2"),
    ("count --model bogus", "model: got 'bogus'"),
    ("count --epochs 3", "No such option: --epochs"),
    ("count missing", "path: no file missing"),
    ("count run --n-qubits 3", "n_qubits: the network in run has its own; leave this option out"),
    ("count --config list.yaml", "config: list.yaml holds list"),
    ("count --config unknown.yaml", "n_qbits: no such option of this command; did you mean 'n_qubits'?"),
    ("count --n-qbits 3", "No such option: --n-qbits (Possible options: --n-blocks, --n-qubits"),
    ("count --entangler rnig", "expected one of ring, line, brick, all, none; did you mean 'ring'?"),
    ("trian", "No such command 'trian'. Did you mean 'train'?"),
    ("bench quantum --qubits 2,x", "qubits: got '2,x', expected whole numbers with commas"),
    ("bench quantum --blocks 0", "blocks: got '0', expected whole numbers with commas"),
    ("bench quantum --quick --budget 0", "budget: got 0.0, expected a number above 0"),
    ("bench quantum --quick --device bogus", "device: got 'bogus', expected cpu or a GPU of this machine"),
    ("bench quantum --quick --json full", "json: full is a folder"),
    ("bench quantum --quick --out full", "out: full is a folder, expected the name of a file"),
    ("bench quantum --quick --budget inf", "budget: got inf, expected a finite number"),
    ("bench noise --out run/settings.yaml", "out: run/settings.yaml belongs to the run in run; choose another name"),
    (f"{T} --json run/model.safetensors", "json: run/model.safetensors belongs to the run in run"),
    ("bench noise --out full", "out: full is a folder, expected the name of a file"),
    (
        "bench noise --quick --resume",
        "resume: got True, expected none, or --out FILE beside it, whose rows it goes on with",
    ),
    ("count run --recipe digits", "recipe: got 'digits', expected none: the network in run has its own"),
    ("count --recipe digit", "recipe: got 'digit', expected one of digits, mnist"),
    (f"{T} --validation 0", "validation: got 0, expected a whole number of at least 1: the epoch is chosen by"),
    (f"{T} --validation -1", "validation: got -1, expected a whole number of at least 1: the epoch is chosen by"),
    (f"{T} --epochs 3000000000", "epochs: got 3000000000, expected a whole number from 1 to 2,147,483,647"),
    (
        "compare --out new --budget 1000000000000000000000000000000",
        "budget: got 1000000000000000000000000000000, expected",
    ),
    ("bench noise --budget nan", "budget: got nan, expected a finite number"),
    *(
        (line, IN_STUDY)
        for line in (
            "explain compared",
            "evaluate compared",
            "evaluate compared --expect table.csv",
            "predict compared ok.npy",
            "convert compared",
            "count compared",
            "noise-sweep compared --noise readout",
            "study faithfulness compared",
            "study conversion compared",
            f"{T} --init compared",
            "train --resume compared",
        )
    ),
    # What needs no images comes before they are loaded.
    *(
        (f"{line} --data bogus", message)
        for line, message in (
            ("explain run --index -1", "index: got -1, expected the number of an image, from 0"),
            ("explain run --split dev", "split: got 'dev', expected one of train, validation, test"),
            ("evaluate run --split dev", "split: got 'dev', expected one of train, validation, test"),
            ("evaluate run --engine bogus", "engine: got 'bogus'"),
            ("evaluate run --noise bogus:0.1", "bogus"),
            ("convert run --method max --timesteps 3 --verify", "verify: got 'max', expected a conversion of method"),
            ("convert run --images 0", "images: got 0, expected a whole number of at least 1"),
            ("train --no-progress --out full", "out: full is not empty; choose another folder"),
            (
                f"{T} --init missing",
                "init: no file missing, expected a run's folder or a network's file; check the spelling and the",
            ),
            (f"{T} --init full", "init: no file full/model.safetensors; give a run's folder, or a network's file"),
        )
    ),
    ("evaluate compared/runs", "compared/runs is a folder of runs; give one run in it, such as compared/runs/net-1/0"),
    (
        "evaluate swept",
        "swept is the folder of the study noise-sweep, in which no run has finished; give a run's folder",
    ),
    ("study faithfulness swept", "give a run's folder, or a netwo"),
]


@pytest.fixture(scope="module")
def bench(place: Path) -> Path:
    """Files to be mistaken about."""
    (place / "full").mkdir()
    (place / "full" / "x").write_text("x")
    (place / "damaged").mkdir()
    texts = {
        "file": "hello",
        "text.png": "no image",
        "broken.yaml": "a: [1, 2\nb: }",
        "list.yaml": "- 1\n- 2\n",
        "empty.yaml": "",
        "unknown.yaml": "n-qbits: 3\n",
        "out.yaml": "data_dir: [1]\n",
        "model.yaml": "model: [1]\n",
        "init.yaml": "init: 3\n",
        "devices.yaml": "devices: {a: 1}\n",
        "channels.yaml": "channels: [2, x]\n",
        "damaged/settings.yaml": "model: [",
    }
    for name, text in texts.items():
        (place / name).write_text(text)
    write_record(place / "compared" / "settings.yaml", {"study": "compare", "epochs": 1})
    write_record(place / "swept" / "settings.yaml", {"sweep": {"noise": ["readout"]}, "networks": ["run"]})
    (place / "compared/runs/net-1/0").mkdir(parents=True)
    shutil.copy(place / "run/model.safetensors", place / "compared/runs/net-1/0")
    (place / "bytes.yaml").write_bytes(bytes(range(256)))
    (place / "random").write_bytes(np.random.default_rng(0).bytes(5000))
    np.save(place / "nan.npy", np.full((8, 8), np.nan))
    np.save(place / "high.npy", np.linspace(0, 255, 64).reshape(8, 8))
    np.save(place / "size.npy", np.zeros((9, 9)))
    np.save(place / "ok.npy", np.zeros((8, 8)))
    np.save(place / "objects.npy", np.array([None, 1], dtype=object), allow_pickle=True)
    return place


@pytest.mark.parametrize(("line", "expected"), MISTAKES, ids=[line for line, _ in MISTAKES])
def test_a_mistake_is_one_line(line: str, expected: str, bench: Path, monkeypatch, capfd) -> None:
    monkeypatch.chdir(bench)
    shutil.rmtree("new", ignore_errors=True)
    before = sorted(path.as_posix() for path in Path.cwd().rglob("*"))
    assert main(line.split()) == 2
    errors = capfd.readouterr().err.splitlines()
    assert len(errors) == 1
    assert errors[0].startswith("sqnn: ")
    assert expected in errors[0]
    assert "Traceback" not in errors[0]
    assert sorted(path.as_posix() for path in Path.cwd().rglob("*")) == before, "the mistake left something behind"


@pytest.mark.parametrize(
    "line",
    [
        T,
        "study layers --out new --no-progress",
        "compare --out new --epochs 1 --no-progress",
        "bench noise --quick --out new/rows.csv",
        "convert run --out new",
        "evaluate run --json new.json",
        "predict run ok.npy --json new.json",
    ],
)
def test_a_wish_for_kernels_that_is_none_is_refused_before_anything_is_written(
    line: str, bench: Path, monkeypatch, capfd
) -> None:
    monkeypatch.setenv("SQNN_KERNELS", "perhaps")
    kernels.cache_clear()  # a process of its own begins without any
    test_a_mistake_is_one_line(line, "SQNN_KERNELS: got 'perhaps', expected auto, on or off", bench, monkeypatch, capfd)


def test_a_traceback_is_there_for_the_asking(bench: Path, monkeypatch) -> None:
    monkeypatch.chdir(bench)
    monkeypatch.setenv("SQNN_DEBUG", "1")
    with pytest.raises(ValueError, match="model: got 'bogus'"):
        main(["count", "--model", "bogus"])
