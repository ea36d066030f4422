"""Configurations survive YAML, and every bad value is one line that names its field."""

from __future__ import annotations

import dataclasses

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from circuits import ENTANGLERS, GATES, INITIALS, SCALINGS
from sqnn.core import ConfigError
from sqnn.encoding import ENCODERS
from sqnn.layers import READOUTS
from sqnn.models import MODELS, SQDRCNNConfig
from sqnn.neurons import RESETS, SURROGATES
from sqnn.training import RunSettings


def inside(low: float, high: float) -> st.SearchStrategy[float]:
    return st.floats(low, high, exclude_min=True, exclude_max=True)


def widths(least: int) -> st.SearchStrategy[tuple[int, ...]]:
    return st.lists(st.integers(1, 64), min_size=least, max_size=3).map(tuple)


VALID = st.fixed_dictionaries(
    {},
    optional={
        "in_channels": st.integers(1, 5),
        "image_size": st.tuples(st.integers(8, 40), st.integers(8, 40)),
        "num_classes": st.integers(2, 9),
        "channels": st.none() | widths(1),
        "encoding": st.sampled_from(sorted(ENCODERS)),
        "timesteps": st.sampled_from([8, 16]),
        "beta": inside(0.001, 0.999),
        "learn_threshold": st.booleans(),
        "threshold": st.integers(1, 5) | inside(0.002, 1e6),
        "reset": st.sampled_from(list(RESETS)),
        "detach_reset": st.booleans(),
        "initial_membrane": st.floats(-10, 10),
        "surrogate": st.sampled_from(sorted(SURROGATES)),
        "readout": st.sampled_from(list(READOUTS)),
        "angle_scale": inside(0, 1e3),
        "n_qubits": st.integers(10, 40),
        "n_blocks": st.integers(1, 6),
        "entangler": st.sampled_from([*ENTANGLERS, "linear", "0-1,3-2"]),
        "entangling_gate": st.sampled_from(list(GATES)),
        "data_scaling": st.sampled_from(list(SCALINGS)),
        "observable": st.sampled_from(["Z", "X, Z0 Y2", "Z, X"]),
        "initial": st.sampled_from(list(INITIALS)),
        "mlp": st.booleans(),
        "mlp_hidden": widths(0),
        "logit_scale": inside(0, 1e3),
    },
)


@given(VALID, st.sampled_from([{}, {"neuron": "lif"}, {"neuron": "lif", "learn_beta": True}]))
def test_yaml_gives_back_the_same_configuration(values: dict, neuron: dict) -> None:
    idle = "logit_scale" if values.get("mlp", True) else "mlp_hidden"
    values = {name: value for name, value in values.items() if name != idle}
    config = SQDRCNNConfig(**{"n_qubits": 10, **values, **neuron})
    read = SQDRCNNConfig.from_yaml(config.to_yaml())
    assert read == config
    assert [type(getattr(read, f.name)) for f in dataclasses.fields(read)] == [
        type(getattr(config, f.name)) for f in dataclasses.fields(config)
    ]
    for name, value in values.items():
        assert getattr(read, name) == value


IDLE = [
    ("sqdr-cnn", {"device": "lightning.qubit"}, "where engine is 'lightcone'; leave it out, or give engine pennylane"),
    ("sqdr-cnn", {"engine": "aer", "device": "lightning.qubit"}, "where engine is 'aer'"),
    (
        "sqdr-separable",
        {"diff_method": "adjoint"},
        "where engine is 'lightcone'; leave it out, or give engine pennylane",
    ),
    ("ppf-qsnn", {"logit_scale": 2.0}, "where mlp is True; leave it out, or give mlp False"),
    (
        "sqdr-cnn",
        {"mlp": False, "n_qubits": 10, "mlp_hidden": (4,)},
        "where mlp is False; leave it out, or give mlp True",
    ),
    ("resnet20", {"initial_threshold": 2.0}, "where activation is 'relu'; leave it out, or give activation qcfs"),
    ("snn-wta", {"teacher": 0.5}, "where rule is 'stdp'; leave it out, or give rule r-stdp"),
    ("snn-wta", {"punish": 0.5}, "where rule is 'stdp'; leave it out, or give rule r-stdp"),
]


@pytest.mark.parametrize(("network", "options", "expected"), IDLE)
def test_an_option_without_effect_is_refused_and_left_out_of_what_was_stored(
    network: str, options: dict, expected: str
) -> None:
    name, value = list(options.items())[-1]
    kind, shown = MODELS[network].config_class, list(value) if isinstance(value, tuple) else value
    with pytest.raises(ConfigError) as caught:
        kind.from_dict(options)
    got = f"{name}: got {value!r}, which has no effect {expected}"
    assert str(caught.value).replace(repr(shown), repr(value)).startswith(got)
    default = {key: each for key, each in options.items() if key != name}
    assert kind.from_stored(options) == kind.from_dict(default)
    if name == "device":
        settings = {"model": network, "config": options, "training": {}, "data": {"name": "digits"}}
        assert RunSettings.from_dict(settings).config == kind.from_dict(default)


@pytest.mark.parametrize("device", ["cuda", "gpu", "cuda:1", "CPU", "mps"])
def test_an_accelerator_is_no_device_of_a_circuit(device: str) -> None:
    for engine in ("lightcone", "pennylane"):
        with pytest.raises(
            ConfigError, match=f"^device: got '{device}', expected a PennyLane device.* --accelerator gpu"
        ):
            SQDRCNNConfig(device=device, engine=engine)


FIELDS = [field.name for field in dataclasses.fields(SQDRCNNConfig)]
NUMBERS = ("beta", "threshold", "initial_membrane", "angle_scale", "logit_scale")
COUNTS = ("in_channels", "num_classes", "timesteps", "n_qubits", "n_blocks")
NAMES = (
    *("encoding", "neuron", "reset", "surrogate", "readout", "initial", "engine", "diff_method"),
    *("entangler", "entangling_gate", "data_scaling", "observable"),
)
SWITCHES = ("learn_beta", "learn_threshold", "detach_reset", "mlp")
LISTS = ("channels", "mlp_hidden", "image_size")
BAD = [
    *((name, value) for name in NUMBERS for value in ("1", None, float("nan"), float("inf"), True, [1.0])),
    *((name, value) for name in NUMBERS if name != "initial_membrane" for value in (0, -1.0)),
    ("beta", 1.0),
    *((name, value) for name in COUNTS for value in (0, -1, 2.5, "8", True, None)),
    ("num_classes", 1),
    ("timesteps", 5),
    *((name, value) for name in NAMES for value in ("bogus", "", None, 3, ["if"])),
    ("device", 3),
    *(("noise", value) for value in (3, None, ["paper"])),
    *(("shots", value) for value in (0, -1, 2.5, "8", True)),
    *((name, value) for name in SWITCHES for value in (1, "yes", None)),
    *((name, value) for name in LISTS for value in (3, "2,4", [2, "x"], [2.5, 3], [0, 8], [True, 8])),
    ("channels", ()),
    ("image_size", (28,)),
    ("image_size", (28, 28, 1)),
    ("image_size", (28, 7)),
    ("learn_beta", True),
    *(("synapse", value) for value in (0.5, 0, 1.0, -1.0, "0.5", True)),  # 0.5: only for neurons that have one
]


@pytest.mark.parametrize(("name", "value"), BAD)
def test_a_bad_value_is_one_line_that_names_its_field(name: str, value: object) -> None:
    with pytest.raises(ConfigError) as caught:
        SQDRCNNConfig(**{name: value})
    message = str(caught.value)
    assert message.startswith(f"{name}: got ")
    assert "expected" in message
    assert len(message.splitlines()) == 1


def test_no_field_is_left_out_of_the_bad_values() -> None:
    assert {name for name, _ in BAD} == set(FIELDS)


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"neuron": "lif", "learn_beta": True, "beta": 1 - 1e-9}, "beta"),
        ({"learn_threshold": True, "threshold": 5e-4}, "threshold"),
        ({"encoding": "latency", "timesteps": 1}, "timesteps"),
        ({"mlp": False, "n_qubits": 5}, "n_qubits"),
        ({"engine": "pennylane", "n_qubits": 60}, "n_qubits"),
        ({"channels": (2, 2, 2, 2, 2)}, "image_size"),
    ],
)
def test_values_that_do_not_go_together_name_one_of_them(options: dict, field: str) -> None:
    with pytest.raises(ConfigError, match=f"^{field}: got "):
        SQDRCNNConfig(**options)


def test_unknown_fields_and_what_is_no_mapping() -> None:
    with pytest.raises(ConfigError, match=r"n_qbits: SQDRCNNConfig has no such field; it has .*n_qubits"):
        SQDRCNNConfig.from_dict({"n_qbits": 3})
    with pytest.raises(ConfigError, match="config: got list, expected a mapping"):
        SQDRCNNConfig.from_yaml("- 1")
    with pytest.raises(ConfigError, match="config: not readable as YAML"):
        SQDRCNNConfig.from_yaml("a: [1, 2")
    with pytest.raises(ConfigError, match="config: not readable as YAML"):
        SQDRCNNConfig.from_yaml("!!python/object/apply:os.getcwd []")


@pytest.mark.parametrize(("text", "value"), [("1e-3", 0.001), ("2E2", 200.0), ("1.5e-1", 0.15), ("1", 1.0)])
def test_numbers_are_read_however_they_are_written(text: str, value: float) -> None:
    assert SQDRCNNConfig.from_yaml(f"angle_scale: {text}").angle_scale == value


def test_a_configuration_does_not_change() -> None:
    config = SQDRCNNConfig()
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.n_qubits = 3  # type: ignore[misc]
    assert yaml.safe_load(config.to_yaml())["n_qubits"] == 9
