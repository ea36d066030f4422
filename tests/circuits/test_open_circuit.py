"""Every entangler, entangling gate, scaling of the data and set of observables: the same numbers on every engine."""

from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from kronecker import oracle, random_angles
from torch.testing import assert_close

from circuits import ENTANGLERS, GATES, SCALINGS, DataReupload, ReuploadLayer, make_engine, named
from circuits.cone import cone_wires
from circuits.entanglers import edges, layout
from noise_models import amplitude_damping, depolarizing, overrotation, readout

VALUE, GRADIENT = 1e-10, 1e-8
EMPTY = torch.zeros(0, dtype=torch.float64)


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@st.composite
def open_circuits(draw, max_qubits: int = 4, max_blocks: int = 3) -> DataReupload:
    n = draw(st.integers(1, max_qubits))
    pairs = [(a, b) for a, b in itertools.combinations(range(n), 2)]
    own = st.lists(st.sampled_from(pairs), min_size=1, unique=True) if pairs else st.nothing()
    turned = own.flatmap(lambda chosen: st.tuples(*[st.sampled_from([(a, b), (b, a)]) for a, b in chosen]))
    names = st.sampled_from([*ENTANGLERS, "linear", "circular", "full"])
    gate, scaling = draw(st.sampled_from(list(GATES))), draw(st.sampled_from(list(SCALINGS)))
    return DataReupload(n, draw(st.integers(1, max_blocks)), draw(names | turned), gate, scaling)


@st.composite
def observables(draw, circuit: DataReupload, letters: str = "XYZ") -> str:
    wires = draw(st.sets(st.integers(0, circuit.n_qubits - 1), min_size=1))
    word = " ".join(f"{draw(st.sampled_from(letters))}{wire}" for wire in sorted(wires))
    families = [*letters, *(["ZZ"] if circuit.edges else [])]
    return ", ".join(draw(st.permutations([word, *draw(st.lists(st.sampled_from(families), max_size=2))])))


def value_and_gradients(evaluate, circuit: DataReupload, seed: int) -> list[torch.Tensor]:
    inputs, weights = random_angles(circuit, seed, batch=2)
    out = evaluate(inputs, weights)
    mix = torch.randn(out.shape, generator=torch.Generator().manual_seed(seed), dtype=out.dtype)
    return [out.detach(), *torch.autograd.grad((out * mix).sum(), (inputs, weights), allow_unused=True)]


def assert_same(ours: list[torch.Tensor], theirs: list[torch.Tensor]) -> None:
    assert_close(ours[0], theirs[0], atol=VALUE, rtol=0)
    for one, other in zip(ours[1:], theirs[1:], strict=True):
        zero = one is None or other is None
        assert not zero or (EMPTY if one is other else one if other is None else other).abs().sum() == 0
        if not zero:
            assert_close(one, other, atol=GRADIENT, rtol=0)


@settings(max_examples=6)
@given(data=st.data(), circuit=open_circuits(), seed=st.integers(0, 2**31))
def test_lightcone_and_pennylane_equal_kronecker_products(data, circuit: DataReupload, seed: int) -> None:
    observable = data.draw(observables(circuit))
    expected = value_and_gradients(lambda x, w: oracle(circuit, x, w, observable), circuit, seed)
    for name in ("lightcone", "pennylane"):
        assert_same(value_and_gradients(make_engine(name, circuit, observable=observable), circuit, seed), expected)


@pytest.mark.slow
@settings(max_examples=400)
@given(data=st.data(), circuit=open_circuits(6, 5), seed=st.integers(0, 2**31))
def test_more_of_them(data, circuit: DataReupload, seed: int) -> None:
    observable = data.draw(observables(circuit))
    expected = value_and_gradients(lambda x, w: oracle(circuit, x, w, observable), circuit, seed)
    for name, options in (("lightcone", {}), ("pennylane", {}), ("pennylane", {"device": "sqnn.lightcone"})):
        engine = make_engine(name, circuit, observable=observable, **options)
        assert_same(value_and_gradients(engine, circuit, seed), expected)


CIRCUITS = [
    DataReupload(3, 3, "0-1,2-1", "cnot", "added"),
    DataReupload(3, 2, "circular", "crz", "block"),
]


@pytest.mark.parametrize(("circuit", "noisy"), [(CIRCUITS[0], True), (CIRCUITS[1], False)])
def test_aer_and_pennylane_agree_with_the_light_cone(circuit: DataReupload, noisy: bool) -> None:
    noise = amplitude_damping(0.1) + depolarizing(0.05) + readout(0.02) if noisy else None
    ours = value_and_gradients(make_engine("lightcone", circuit, noise=noise), circuit, 3)
    assert_same(value_and_gradients(make_engine("aer", circuit, noise=noise), circuit, 3), ours)
    if noisy:
        theirs = make_engine("pennylane", circuit, noise=noise, observable="Z, Z0 Z1")
        ours = make_engine("lightcone", circuit, noise=noise, observable="Z, Z0 Z1")
        assert_same(value_and_gradients(theirs, circuit, 4), value_and_gradients(ours, circuit, 4))


def test_words_under_noise_are_those_of_the_families() -> None:
    """X, Y and Z of one wire, and a word of both, from one evaluation and apart; at no noise, those of a state."""
    circuit = DataReupload(3, 3, "line", "cnot")
    inputs, weights = random_angles(circuit, 1, batch=2)
    noise = depolarizing(0.05) + overrotation(0.1, "x") + readout(0.01, 0.03)
    together = make_engine("lightcone", circuit, noise=noise, observable="Y, Z1, X0, X1 Y2")(inputs, weights)
    for letter, columns, wires in (("Y", [0, 1, 2], [0, 1, 2]), ("Z", [3], [1]), ("X", [4], [0])):
        apart = make_engine("lightcone", circuit, noise=noise, observable=letter)(inputs, weights)
        assert_close(together[:, columns], apart[:, wires], atol=1e-12, rtol=0)
    tiny = depolarizing(1e-13)
    word = make_engine("lightcone", circuit, noise=tiny, observable="X1 Y2")(inputs, weights)
    assert_close(word, oracle(circuit, inputs, weights, "X1 Y2"), atol=1e-10, rtol=0)


@pytest.mark.parametrize(("scaling", "gate"), [("block", "crz"), pytest.param("added", "cnot", marks=pytest.mark.slow)])
def test_gradients_of_all_parameters_equal_finite_differences(scaling: str, gate: str) -> None:
    layer = ReuploadLayer(2, 2, "line", entangling_gate=gate, data_scaling=scaling, observable="Z, X0 Y1").double()
    inputs = torch.randn(2, 6, generator=seeded(), dtype=torch.float64, requires_grad=True)
    names, values = zip(*layer.named_parameters(), strict=True)
    assert set(names) == {"weights", "scales", *(["couplings"] if gate == "crz" else [])}

    def call(x, *parameters):
        return torch.func.functional_call(layer, dict(zip(names, parameters, strict=True)), (x,))

    assert torch.autograd.gradcheck(call, (inputs, *values), eps=1e-6, atol=1e-7)


@pytest.mark.parametrize("entangler", ["ring", "none"])
def test_factors_of_one_leave_the_data_as_they_are(entangler: str) -> None:
    """And Rot(w + x) is Rot(x) where w is 0: the circuit of the paper by hand."""
    plain = ReuploadLayer(3, 2, entangler, generator=torch.Generator().manual_seed(1)).double()
    scaled = ReuploadLayer(3, 2, entangler, data_scaling="block", generator=torch.Generator().manual_seed(1)).double()
    added = ReuploadLayer(3, 2, entangler, data_scaling="added", generator=torch.Generator().manual_seed(1)).double()
    inputs = torch.randn(4, 9, generator=seeded(), dtype=torch.float64)
    assert_close(scaled(inputs), plain(inputs), atol=1e-12, rtol=0)
    with torch.no_grad():
        for layer in (plain, added):
            layer.weights.zero_()
    assert_close(added(inputs), plain(inputs), atol=1e-12, rtol=0)


@settings(max_examples=8)
@given(data=st.data(), circuit=open_circuits())
def test_numbers_that_count_are_those_with_a_gradient(data, circuit: DataReupload) -> None:
    """No number without a gradient counts as effective but where operators cancel, and none with one is left out."""
    options = {"entangling_gate": circuit.entangling_gate, "data_scaling": circuit.data_scaling}
    observable = data.draw(observables(circuit))
    layer = ReuploadLayer(
        circuit.n_qubits, circuit.n_blocks, circuit.entangler, observable=observable, **options
    ).double()
    out = layer(torch.randn(3, layer.n_inputs, generator=torch.Generator().manual_seed(0), dtype=torch.float64))
    touched: list[torch.Tensor] = [torch.zeros_like(weight) for weight in layer.parameters()]
    for value in out.flatten():
        for place, gradient in enumerate(torch.autograd.grad(value, list(layer.parameters()), retain_graph=True)):
            touched[place] += gradient.abs()
    alive = sum(int((total > 1e-12).sum()) for total in touched)
    assert alive <= layer.n_effective_weights <= circuit.n_parameters
    if observable == "Z" or (circuit.entangling_gate == "cz" and " " not in observable):
        assert alive == layer.n_effective_weights


def test_words_of_all_wires_count_as_before() -> None:
    for gate, extra in (("cz", 0), ("cnot", 0), ("crz", 8)):
        counts = [ReuploadLayer(4, 3, entangling_gate=gate, data_scaling=s).n_effective_weights for s in SCALINGS]
        assert counts == [36 - 4 + extra, 72 - 8 + extra, 72 - 16 + extra]
        assert [DataReupload(4, 3, "ring", gate, s).n_effective_weights for s in SCALINGS] == counts


@settings(max_examples=30)
@given(circuit=open_circuits(5, 4))
def test_layouts_are_what_the_pairs_are(circuit: DataReupload) -> None:
    joined = {frozenset(edge) for edge in circuit.edges}
    named_layouts = ("line", "ring", "all", "none")
    alike = [name for name in named_layouts if joined == {frozenset(e) for e in edges(name, circuit.n_qubits)}]
    assert circuit.layout in (alike or ["pairs"])
    assert layout(named([(b, a) for a, b in edges("line", 5)]), 5) == "line"
    assert [layout("ring", n) for n in (1, 2, 3, 4)] == ["none", "line", "ring", "ring"]


def test_the_cone_of_cnots_is_where_gradients_are() -> None:
    """Z on a control stays: the cone of a chain of CNOTs grows in one direction only."""
    circuit = DataReupload(5, 2, "line", "cnot")
    inputs, weights = random_angles(circuit, 2, batch=3)
    for wire in range(5):
        gradient = torch.autograd.grad(make_engine("pennylane", circuit)(inputs, weights)[:, wire].sum(), inputs)[0]
        reached = gradient.reshape(3, 5, 3).abs().amax((0, 2)) > 1e-12
        assert set(torch.nonzero(reached).flatten().tolist()) == cone_wires(circuit, wire)[0]


def test_auto_takes_what_can_and_says_so() -> None:
    small = ReuploadLayer(3, 2, entangling_gate="cnot", engine="auto")
    assert "LightConeEngine" in repr(small)
    wide = ReuploadLayer(40, 2, "line", entangling_gate="cnot", engine="auto", observable="Z0, Z5").double()
    assert "PennyLaneEngine(<Z0, Z5>, exact, sqnn.lightcone" in repr(wide)
    with pytest.raises(ValueError, match=r"amplitudes per sample, .* engine='auto'"):
        ReuploadLayer(40, 2, "line", entangling_gate="cnot", engine="auto")
    with pytest.raises(ValueError, match=r"reads Z on up to 40 wires, expected at most max_wires = 20"):
        ReuploadLayer(40, 2, "line", entangling_gate="cnot", engine="pennylane", device="sqnn.lightcone")


@pytest.mark.slow
def test_what_auto_takes_gives_the_values_of_a_narrow_register() -> None:
    wide = ReuploadLayer(40, 2, "line", entangling_gate="cnot", engine="auto", observable="Z0, Z5").double()
    inputs = torch.randn(2, 120, generator=seeded(), dtype=torch.float64)
    # <Z_0> of a chain of CNOTs is that of wires 0 and 1 alone.
    narrow = ReuploadLayer(2, 2, "line", entangling_gate="cnot", observable="Z0").double()
    narrow.weights.data.copy_(wide.weights.data[:, :2])
    assert_close(wide(inputs)[:, :1], narrow(inputs[:, :6]), atol=1e-10, rtol=0)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: DataReupload(3, 2, [(0, 3)]), r"entangler: got the pair \(0, 3\), expected wires below n_qubits = 3"),
        (lambda: DataReupload(3, 2, [(0, 0)]), r"entangler: got \[\(0, 0\)\], expected pairs of two wires"),
        (lambda: DataReupload(3, 2, [(0, 1), (1, 0)]), "expected each two wires once"),
        (lambda: DataReupload(3, 2, []), "expected pairs of two wires"),
        (lambda: DataReupload(3, 2, "circle"), "got 'circle', expected one of ring.*; did you mean 'circular'"),
        (lambda: DataReupload(3, 2, "ring", "cy"), "entangling_gate: got 'cy', expected one of cz, cnot, crz"),
        (
            lambda: DataReupload(3, 2, "ring", "cz", "all"),
            "data_scaling: got 'all', expected one of none, block, added",
        ),
        (lambda: ReuploadLayer(3, 2, observable="X0 X0"), "observable: got 'X0 X0', expected each wire once"),
        (lambda: ReuploadLayer(3, 2, observable=[]), r"observable: got \[\], expected one of Z, X, Y, ZZ"),
        (lambda: ReuploadLayer(3, 2, observable=["Z", 3]), r"observable: got \['Z', 3\], expected one of"),
        (lambda: ReuploadLayer(3, 2, observable="X, Z0", engine="aer"), "aer takes .*, got observable"),
    ],
)
def test_what_does_not_fit_is_one_line(make, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        make()
    assert len(str(caught.value).splitlines()) == 1


def test_drawings_name_the_gates() -> None:
    assert DataReupload(2, 2, [(1, 0)], "crz", "added").draw() == (
        "0: ─Rot(w0,0+x0)─RZ(c0)─Rot(w1,0+x0)─┤ <Z>\n1: ─Rot(w0,1+x1)───●────Rot(w1,1+x1)─┤ <Z>"
    )
    assert (
        DataReupload(2, 2, "line", "cnot").draw().splitlines()[1] == "1: ─Rot(x1)─Rot(w0,1)─X─Rot(x1)─Rot(w1,1)─┤ <Z>"
    )


def test_layers_without_the_new_options_hold_what_they_held() -> None:
    assert list(ReuploadLayer(3, 2).state_dict()) == ["weights"]
    assert repr(DataReupload(3, 2)) == "DataReupload(n_qubits=3, n_blocks=2, entangler='ring')"
