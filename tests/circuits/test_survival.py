"""What torch users do to a layer, on every engine: each gives what the plain call gives, or one clear error."""

from __future__ import annotations

import copy
import functools
import io
import multiprocessing
import pickle

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.func import functional_call, grad, jacfwd, jacrev, vmap
from torch.testing import assert_close
from torch.utils.data import DataLoader

import sqnn
from circuits import ENGINES, ReuploadLayer

NOISE = {"exact": None, "noise": "amplitude-damping:0.1+readout:0.02,p10=0.05"}
EXACT = [engine for engine in ENGINES if engine != "runtime"]
CASES = [(engine, noise) for engine in EXACT for noise in NOISE]
# Forward mode loads decompositions of torch.
pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit.script:DeprecationWarning")
every = pytest.mark.parametrize(("engine", "noise"), CASES)
sampling = pytest.mark.parametrize("engine", EXACT)
ANGLES = 6


@functools.cache
def made(engine: str, noise: str, shots: int | None = None) -> ReuploadLayer:
    options = {} if shots is None else {"shots": shots}
    generator = torch.Generator().manual_seed(4)
    return ReuploadLayer(2, 2, engine=engine, noise=NOISE[noise], generator=generator, **options).double()


def angles(*shape: int) -> Tensor:
    return torch.randn(*shape, ANGLES, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def plain(layer: ReuploadLayer, inputs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Values [batch, 2], their derivatives by the inputs [batch, 2, 6], by the weights [batch, 2, 2, 2, 3]."""
    values, by_inputs, by_weights = [], [], []
    for row in inputs.clone().requires_grad_():
        reads = layer(row[None])[0]
        both = [torch.autograd.grad(read, (row, layer.weights), retain_graph=True) for read in reads]
        values.append(reads.detach())
        by_inputs.append(torch.stack([data for data, _ in both]))
        by_weights.append(torch.stack([trained for _, trained in both]))
    return torch.stack(values), torch.stack(by_inputs), torch.stack(by_weights)


def same(one: ReuploadLayer, other: ReuploadLayer, inputs: Tensor) -> None:
    """Values and gradients are equal to the last bit."""
    results = []
    for layer in (one, other):
        out = layer(inputs)
        results.append((out, *torch.autograd.grad(out.sin().sum(), layer.weights)))
    for ours, theirs in zip(*results, strict=True):
        assert torch.equal(ours, theirs)


@every
def test_torch_func(engine: str, noise: str) -> None:  # functorch #292, PennyLane #3480
    layer, inputs = made(engine, noise), angles(2)
    values, by_inputs, by_weights = plain(layer, inputs)
    trained = {"weights": layer.weights.detach()}

    def read(parameters: dict[str, Tensor], row: Tensor) -> Tensor:
        return functional_call(layer, parameters, (row,))

    def total(parameters: dict[str, Tensor], row: Tensor) -> Tensor:
        return read(parameters, row).sum()

    near = functools.partial(assert_close, atol=1e-10, rtol=0)
    near(vmap(layer)(inputs).detach(), values)
    near(jacrev(layer)(inputs[0]).detach(), by_inputs[0])
    near(jacfwd(layer)(inputs[0]).detach(), by_inputs[0])
    near(jacrev(read)(trained, inputs[1])["weights"], by_weights[1])
    near(jacfwd(read)(trained, inputs[1])["weights"], by_weights[1])
    near(vmap(grad(total), in_dims=(None, 0))(trained, inputs)["weights"], by_weights.sum(1))
    ensemble = {"weights": torch.stack([trained["weights"], trained["weights"]])}
    near(vmap(read)(ensemble, inputs), values)
    near(vmap(read, in_dims=(0, None))(ensemble, inputs[0]), values[:1].expand(2, 2))


@every
def test_angles_that_are_not_finite_are_refused_by_torch_func_too(engine: str, noise: str) -> None:
    layer, inputs = made(engine, noise), angles(2)
    inputs[1, 3] = torch.inf
    for call in (layer, vmap(layer), jacrev(layer), vmap(grad(lambda row: layer(row).sum()))):
        with pytest.raises(ValueError, match="inputs: hold NaN or infinity"):
            call(inputs)


@sampling
def test_vmap_draws_shots_where_it_is_told_how(engine: str) -> None:
    layer, inputs = made(engine, "noise", shots=40), angles(1).expand(8, ANGLES)
    with pytest.raises(RuntimeError, match="random"):
        vmap(layer)(inputs)
    drawn = vmap(layer, randomness="different")(inputs).detach()
    exact = made(engine, "noise")(inputs[:1]).detach()
    assert len(drawn.unique(dim=0)) > 1
    assert ((drawn.mean(0) - exact[0]).abs() < 5 * (1 / (8 * 40)) ** 0.5).all()


@pytest.mark.parametrize(("engine", "noise"), [("aer", "exact"), ("aer", "noise"), ("pennylane", "noise")])
def test_what_is_differentiated_once_says_so(engine: str, noise: str) -> None:
    layer = made(engine, noise)
    with pytest.raises(
        RuntimeError, match=f"{engine}: gradients computed outside torch cannot be differentiated again"
    ):
        torch.func.hessian(lambda row: layer(row).sum())(angles(1)[0])


def test_second_derivatives_by_the_inputs_alone() -> None:
    """Weights that are not trained, as under a gradient penalty on a frozen network."""
    layer, row = made("lightcone", "exact"), angles(1)[0]
    whole = torch.autograd.functional.hessian(lambda x: layer(x).sum(), row)
    frozen = copy.deepcopy(layer).requires_grad_(False)
    assert_close(torch.autograd.functional.hessian(lambda x: frozen(x).sum(), row), whole, atol=1e-12, rtol=0)
    assert_close(torch.func.hessian(lambda x: frozen(x).sum())(row), whole, atol=1e-12, rtol=0)


def saved(layer: ReuploadLayer) -> ReuploadLayer:
    buffer = io.BytesIO()
    torch.save(layer, buffer)
    buffer.seek(0)
    return torch.load(buffer, weights_only=False)


COPIES = {"pickle": lambda layer: pickle.loads(pickle.dumps(layer)), "deepcopy": copy.deepcopy, "torch.save": saved}


@pytest.mark.parametrize("way", COPIES)
@pytest.mark.parametrize("shots", [None, 30])
@every
def test_a_copy_is_the_same_and_goes_on_alike(engine: str, noise: str, shots: int | None, way: str) -> None:
    layer, inputs = made(engine, noise, shots), angles(1)
    layer(inputs)  # PennyLane #2204
    twin = COPIES[way](layer)
    assert twin.weights is not layer.weights
    same(twin, layer, inputs)
    assert torch.equal(twin(inputs), layer(inputs))


def test_a_device_by_name_is_copied_and_one_that_cannot_be_says_so() -> None:
    import pennylane as qml

    named = ReuploadLayer(2, 1, engine="pennylane", device="lightning.qubit")
    same(copy.deepcopy(named), named, angles(2).float())
    given = named.with_engine("pennylane", device=qml.device("lightning.qubit", wires=2))
    with pytest.raises(ValueError, match=r"device: got lightning.qubit as an object.*device='lightning.qubit'"):
        pickle.dumps(given)


@pytest.mark.parametrize("engine", EXACT)
def test_a_network_is_copied_with_its_circuit(engine: str) -> None:
    config = {"image_size": (8, 8), "n_qubits": 2, "num_classes": 2, "timesteps": 8}
    network = sqnn.create_model("sqdr-cnn", **config).with_engine(engine)
    images = torch.rand(2, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    for way in COPIES.values():
        assert torch.equal(way(network)(images), network(images))
    # Lightning #19980
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed = network(images)
    mixed.float().sum().backward()
    assert network.circuit.weights.grad.abs().sum() > 0
    assert_close(mixed.float(), network(images), atol=0.2, rtol=0)


def in_child(layer: ReuploadLayer, inputs: Tensor, answers: multiprocessing.SimpleQueue) -> None:
    out = layer(inputs)
    answers.put((out.tolist(), torch.autograd.grad(out.sum(), layer.weights)[0].tolist()))


@every
def test_a_forked_process(engine: str, noise: str) -> None:  # Aer #1385
    layer, inputs = made(engine, noise), angles(2)
    out = layer(inputs)
    expected = out.tolist(), torch.autograd.grad(out.sum(), layer.weights)[0].tolist()
    context = multiprocessing.get_context("fork")
    answers = context.SimpleQueue()
    child = context.Process(target=in_child, args=(layer, inputs, answers), daemon=True)
    child.start()
    child.join(120)
    alive = child.is_alive()
    child.kill()
    assert not alive, "the forked process hangs"
    assert answers.get() == expected


class Evaluated(torch.utils.data.Dataset):
    """Samples that are evaluated where they are loaded."""

    def __init__(self, layer: ReuploadLayer, inputs: Tensor) -> None:
        self.layer, self.inputs = layer, inputs

    def __len__(self) -> int:
        return len(self.inputs)

    def __getitem__(self, index: int) -> Tensor:
        return self.layer(self.inputs[index]).detach()


def test_workers_of_a_data_loader() -> None:
    layer, inputs = made("aer", "noise"), angles(2)
    expected = layer(inputs).detach()
    loader = DataLoader(
        Evaluated(layer, inputs), batch_size=2, num_workers=1, timeout=120, multiprocessing_context="fork"
    )
    assert_close(next(iter(loader)), expected, atol=1e-12, rtol=0)


@pytest.mark.parametrize("half", [torch.bfloat16, torch.float16])
@every
def test_autocast(engine: str, noise: str, half: torch.dtype) -> None:
    layer, inputs = made(engine, noise), angles(2)
    rounded = inputs.to(half)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed, full = layer(rounded), layer(inputs)
    assert (mixed.dtype, full.dtype) == (half, torch.float64)
    assert torch.equal(mixed, layer(rounded.double()).to(half))
    assert torch.equal(full, layer(inputs)), "the circuit was evaluated in less than the precision of its angles"
    gradient = torch.autograd.grad(mixed.double().sum(), layer.weights)[0]
    expected = torch.autograd.grad(layer(rounded.double()).sum(), layer.weights)[0]
    assert_close(gradient, expected, atol=1e-10, rtol=0)
    with pytest.raises(ValueError, match=r"inputs: got torch.*half precision in torch\.autocast"):
        layer(rounded)


@every
def test_meta_tensors_have_a_shape(engine: str, noise: str) -> None:
    layer = copy.deepcopy(made(engine, noise)).to("meta")
    out = layer(angles(3, 2).to("meta"))
    assert (out.shape, out.dtype, out.device.type) == ((3, 2, 2), torch.float64, "meta")
    assert torch.autograd.grad(out.sum(), layer.weights)[0].shape == (2, 2, 3)
    with pytest.raises(ValueError, match="inputs: got device cpu and weights on meta"):
        layer(angles(1))
    back = layer.to_empty(device="cpu")
    back.load_state_dict(made(engine, noise).state_dict())
    same(back, made(engine, noise), angles(2))


@pytest.mark.parametrize("shots", [None, 30])
@every
def test_an_empty_batch_has_its_place_in_the_graph(engine: str, noise: str, shots: int | None) -> None:
    layer = made(engine, noise, shots)  # Lightning (PennyLane) #240
    for shape in ((0,), (3, 0)):
        inputs = angles(*shape).requires_grad_()
        out = layer(inputs)
        assert out.shape == (*shape, 2)
        by_inputs, by_weights = torch.autograd.grad(out.sum(), (inputs, layer.weights))
        assert by_inputs.shape == inputs.shape
        assert torch.equal(by_weights, torch.zeros_like(layer.weights))


@sampling
def test_whole_numbers_of_numpy(engine: str) -> None:
    def build(number: type) -> ReuploadLayer:
        generator = torch.Generator().manual_seed(2)
        return ReuploadLayer(number(2), number(1), engine=engine, shots=number(20), generator=generator)

    inputs = angles(2).float()
    for number in (np.int64, np.int32, np.uint8):
        same(build(number), build(int), inputs)


def first_numbers(engine: str, **options: object) -> tuple[float, ...]:
    layer = ReuploadLayer(2, 1, engine=engine, shots=200, **options)
    return (*layer.weights.detach().flatten().tolist(), *layer(angles(3).float()).detach().flatten().tolist())


@sampling
def test_layers_follow_torchs_seed_and_their_generators(engine: str) -> None:
    """Layers after one seed are alike, those from one generator differ; neither draws from torch's own generator."""

    def seeded(seed: int) -> list[tuple[float, ...]]:
        torch.manual_seed(seed)
        return [first_numbers(engine), first_numbers(engine)]

    def given(seed: int) -> list[tuple[float, ...]]:
        generator = torch.Generator().manual_seed(seed)
        return [first_numbers(engine, generator=generator), first_numbers(engine, generator=generator)]

    with torch.random.fork_rng():
        for draw, different in ((seeded, 2), (given, 4)):
            assert draw(1) == draw(1)
            assert len({*draw(1), *draw(2)}) == different
        torch.manual_seed(1)
        before = torch.get_rng_state()
        given(1)
        first_numbers(engine)
        assert torch.equal(torch.get_rng_state(), before)


@sampling
def test_shots_of_other_engines_follow_the_layer(engine: str) -> None:
    def drawn(seed: int) -> Tensor:
        layer = ReuploadLayer(2, 1, generator=torch.Generator().manual_seed(seed))
        layer.weights.data.zero_()
        return layer.with_engine(engine, shots=200)(angles(4).float()).detach()

    assert torch.equal(drawn(1), drawn(1))
    assert not torch.equal(drawn(1), drawn(2))


def test_the_shots_of_a_layer_draw_nothing_from_what_its_generator_draws_next() -> None:
    def next_number(**options: object) -> Tensor:
        generator = torch.Generator().manual_seed(3)
        ReuploadLayer(2, 1, generator=generator, **options)
        return torch.rand(1, generator=generator)

    assert torch.equal(next_number(), next_number(shots=10))
