"""A network as a graph of calls, in which activations and layers are single nodes."""

from __future__ import annotations

import inspect
import random
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import numpy as np
import torch
from torch import Tensor, fx, nn

from sqnn.conversion.errors import ConversionError, first_line, own_line
from sqnn.conversion.foreign import taken_over
from sqnn.conversion.graph.alike import require_alike, require_same_numbers, same_calls
from sqnn.conversion.graph.check import require_repeated
from sqnn.conversion.graph.copying import copy_of
from sqnn.conversion.graph.nodes import ACROSS, DRAWS
from sqnn.conversion.graph.recorder import Recorder, reads
from sqnn.conversion.graph.roles import LEAVES, Role, replace_swish, role_of
from sqnn.conversion.graph.sizes import TraceRefusedError
from sqnn.conversion.observe import evaluating, is_scripted
from sqnn.core import RAISED, ConfigError, channels_last_is_safe
from sqnn.models import MODELS, VARIANTS, HAS8Config, ModelConfig, SourceNetwork, config_of, require_network

CHANNELS_LAST = "channels_last"
"""What a graph notes of the package's own networks: they lay images out as channels-last memory where that is safe."""
SHAPES, CALLS, ORIGIN = "shapes", "calls", "origin"
"""What a graph notes: the shapes of one image that it is right for, its calls as they were traced, and the network that
it was made from."""
EXAMPLE = "example_shape"
"""Attribute of a prepared network, or entry of its `meta` where it is a graph: the shape of one of the images that it
was prepared with."""
TRACED, CHECKED = 3, 5
"""Images in the batch that is traced, and in the one that the graph is then compared on: two sizes, so that a number
that was one of them cannot pass for a constant; the second is larger, so that a part of so many shows."""
THRESHOLD_ROUNDING = 1e-5
"""Share of the largest number by which a threshold taken over from elsewhere may move outputs."""
NOISE = 0.05
"""What images that are alike are made to differ by, as a share of the largest number, or of 1 where that is less."""
COMMON = (32, 28, 8, 64, 224, 16, 96, 12, 48, 128, 4, 299)
SIDES = (*COMMON, *(side for side in range(1, 64) if side not in COMMON))
"""Sides in pixels that are tried where nothing says how large an image is."""


class Origin:
    """The network that a graph was made from, and some images for it, kept to trace it again; not pickled."""

    def __init__(self, model: nn.Module | None = None, images: Tensor | None = None) -> None:
        self.model, self.images = model, images

    def __reduce__(self) -> tuple[type[Origin], tuple[()]]:
        return Origin, ()

    def __deepcopy__(self, memo: object) -> Origin:
        return self


def trace(model: nn.Module, images: Tensor | None = None) -> fx.GraphModule:
    """Return `model` in evaluation mode as a graph module with layers of its own; the model is left as it is.

    The model itself runs once on some images, and what it calls becomes the graph; then both run on others, and have to
    give the same. `images` [batch, ...] show how large an image is and what passes through; left out, the sizes are
    those of the model's configuration, or of the images that it was prepared with, or are guessed, and the images are
    drawn.

    Raises ConversionError where the model cannot be traced or the graph would be another network.
    """
    model = _checked(unwrapped(model))
    _require_finite(model)
    copied = copy_of(model)
    require_same_numbers(model, copied)
    with evaluating(model), evaluating(copied):  # code of the copy may call layers of the model itself
        graph, example = _traced(copied, model, images)
    replace_swish(graph)
    graph.meta[CHANNELS_LAST] = isinstance(model, SourceNetwork) and channels_last_is_safe(model)
    graph.meta[CALLS] = [f"{node.op} {node.target} {node.args} {node.kwargs}" for node in graph.graph.nodes]
    graph.meta[SHAPES], graph.meta[ORIGIN] = {tuple(example.shape[1:])}, Origin(copied, example)
    return graph


def unwrapped(model: nn.Module) -> nn.Module:
    """Return the network within DataParallel, AveragedModel and torch.compile."""
    while True:
        inner = getattr(model, "_orig_mod", None)
        if inner is None and isinstance(
            model,
            nn.DataParallel | nn.parallel.DistributedDataParallel | torch.optim.swa_utils.AveragedModel,
        ):
            inner = model.module
        if not isinstance(inner, nn.Module):
            return model
        model = inner


def fits(graph: fx.GraphModule, images: Tensor) -> bool:
    """Say whether a graph is what its network does with images of this shape, tracing it again where nobody knows."""
    shape = tuple(images.shape[1:])
    if ORIGIN not in graph.meta:
        return False  # pickling loses it
    known: set[tuple[int, ...]] = graph.meta[SHAPES]
    model = graph.meta[ORIGIN].model
    if shape not in known and model is not None:
        like = next(graph.parameters(), images)
        model.to(like.device, like.dtype)  # for its buffers, as parameters are shared
        try:
            other = trace(model, images[:TRACED])
        except ConversionError:
            return False
        if other.meta[CALLS] == graph.meta[CALLS]:
            known.add(shape)
    return shape in known


def other_reading(graph: fx.GraphModule) -> tuple[int, ...] | None:
    """Return the shape of images for which a network whose size was guessed computes something else; None for none."""
    model = graph.meta[ORIGIN].model
    for shape in _shapes(model):
        if shape not in graph.meta[SHAPES]:
            like = example_of(graph)
            try:
                other = trace(model, torch.rand((TRACED, *shape), dtype=torch.float64).to(like.device, like.dtype))
            except ConversionError:
                continue
            if other.meta[CALLS] != graph.meta[CALLS]:
                return shape
            if len(shape) == like.ndim - 1:
                return None
    return None


def _traced(model: nn.Module, original: nn.Module, images: Tensor | None) -> tuple[fx.GraphModule, Tensor]:
    """Return the graph, checked, and the images that it was traced and checked on; `model` is a copy of `original`."""
    failures: list[str] = []
    known = {module: layer for path, module in model.named_modules() if (layer := taken_over(module, path)) is not None}
    for example in _examples(model, images):
        numbers = random.getstate(), str(np.random.get_state())  # noqa: NPY002
        try:
            recorder = Recorder(model, LEAVES, known)
            with torch.random.fork_rng(devices=[]):
                recorder.record(_cycled(example, TRACED))
            graph = _graph_of(recorder)
            for number, place in enumerate(recorder.branches):
                turned = Recorder(model, LEAVES, known, turned=number)
                if not _alike_when(turned, _cycled(example, TRACED), recorder, graph):
                    raise reads(place, "bool")
        except TraceRefusedError as error:
            raise ConversionError([_placed(str(error), error, model)]) from error
        except RAISED as error:  # the model's own, of whatever class
            why = first_line(error)
            if _runs(model, example):
                mend = "keep what it needs there out of forward"
                raise ConversionError([f"model{own_line(error)}: cannot be recorded ({why}); {mend}"]) from error
            failures.append(f"{why}{own_line(error)} on images of shape {list(example.shape[1:])}")
            continue
        if numbers != (random.getstate(), str(np.random.get_state())):  # noqa: NPY002
            mend = "draw where self.training is set"
            raise ConversionError([f"model: {type(model).__name__} draws random numbers in evaluation too; {mend}"])
        batches = [_cycled(example, size) for size in _sizes(recorder.asked)]
        again = partial(Recorder, model, LEAVES, known, keep=True)
        if any(node.meta.get(ACROSS) or node.meta.get(DRAWS) for node in graph.graph.nodes):
            return graph, example  # what mixes images, or draws, is refused by what it is
        before = _digests(graph)
        if known:
            # Theirs and ours round in another order: only in double precision no level moves.
            with _double(model), _double(graph):
                require_repeated(model, graph, again, [images.double() for images in batches], THRESHOLD_ROUNDING)
                require_alike(original, model, graph, batches[0].double(), THRESHOLD_ROUNDING)
        else:
            require_repeated(model, graph, again, batches)
            require_alike(original, model, graph, batches[0])
        changed = [name for name, digest in _digests(graph).items() if digest != before[name]]
        if changed:
            why = f"changes {changed[0]} in its forward pass, so that no two of them are alike"
            raise ConversionError([f"model: {type(model).__name__} {why}; keep what changes it out of forward"])
        return graph, example
    name = type(model).__name__
    mend = "give images that it takes" if images is not None else "give some of its images: images=..."
    raise ConversionError([f"model: {name} does not run ({failures[0] if failures else 'no layer'}); {mend}"])


def _graph_of(recorder: Recorder) -> fx.GraphModule:
    graph = fx.GraphModule(dict(recorder.parts), recorder.graph, type(recorder.model).__name__).eval()
    _clean(graph)
    return graph


def _alike_when(turned: Recorder, images: Tensor, recorder: Recorder, graph: fx.GraphModule) -> bool:
    """Say whether a pass in which a branch on numbers of the images is taken the other way has the same graph.

    Then nothing that the network gives depends on it. So it is where the network raises an error there.
    """
    try:
        with torch.random.fork_rng(devices=[]):
            turned.record(images)
    except TraceRefusedError:
        return False
    except RAISED:  # the model's own, of whatever class
        return True
    return turned.branches == recorder.branches and same_calls(_graph_of(turned), graph)


def _digests(graph: fx.GraphModule) -> dict[str, int]:
    """Return, for each tensor that calls of a graph use, a number that changes where one of its own does."""
    used = tuple(f"{node.target}." for node in graph.graph.nodes if node.op in ("call_module", "get_attr"))
    tensors = [*graph.named_parameters(), *graph.named_buffers()]
    bits = {name: tensor.detach().cpu().flatten() for name, tensor in tensors if f"{name}.".startswith(used)}
    return {name: zlib.crc32(values.contiguous().view(torch.uint8).numpy().data) for name, values in bits.items()}


def _clean(graph: fx.GraphModule) -> None:
    """Take out what no output and no activation depends on."""

    def stays(node: fx.Node) -> bool:
        return node.op in ("placeholder", "output") or role_of(graph, node) in (Role.NEURON, Role.ACTIVATION)

    graph.graph.eliminate_dead_code(is_impure_node=stays)
    graph.delete_all_unused_submodules()
    graph.recompile()


@contextmanager
def _double(model: nn.Module) -> Iterator[None]:
    """Let a network compute in double precision for a while."""
    parameters = [(parameter, parameter.data) for parameter in model.parameters()]
    buffers = [(module, dict(module._buffers)) for module in model.modules()]
    model.double()
    try:
        yield
    finally:
        for parameter, data in parameters:
            parameter.data = data
        for module, kept in buffers:
            module._buffers.update(kept)


def _runs(model: nn.Module, images: Tensor) -> bool:
    """Say whether a network runs on images as it is."""
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            model(images[:TRACED].clone())
    except RAISED:  # the model's own, of whatever class
        return False
    return True


def _sizes(asked: Sequence[int]) -> list[int]:
    """Return the batches to compare on: another one than was traced, and those that the model treats by themselves."""
    most = 64
    if any(size > most for size in asked):
        raise ConversionError([f"model: asks whether it has {max(asked)} images; keep such branches out of forward"])
    # Twice, as what a first call leaves behind shows in a second of as many images.
    return [*sorted({CHECKED, *asked}), CHECKED]


def _cycled(images: Tensor, size: int) -> Tensor:
    """Return so many images, again and again the same where they are few, and in another order than is traced."""
    order = torch.arange(size) if size == TRACED else torch.arange(size - 1, -1, -1)
    chosen = images[order % len(images)]
    if size > 1 and images.is_floating_point() and len(chosen.flatten(1).unique(dim=0)) < size:
        # Images that are alike do not show whether they are mixed.
        noise = torch.rand(chosen.shape, generator=torch.Generator().manual_seed(size), dtype=torch.float64)
        # A share of noise in the place of as much of the image: what lies in [0, 1] stays there.
        largest = max(1.0, float(chosen.abs().max()))
        chosen = chosen + NOISE * ((largest * noise).to(chosen) - chosen)
    return chosen


def _examples(model: nn.Module, images: Tensor | None) -> Iterator[Tensor]:
    """Give images to trace a network on: its own, or drawn ones of the shapes that it may take."""
    parameter = next((p for p in model.parameters() if p.is_floating_point()), None)
    like = torch.zeros(()) if parameter is None else parameter.detach()
    if images is not None:
        if not isinstance(images, Tensor) or images.ndim < 1 or not len(images):
            kind = list(images.shape) if isinstance(images, Tensor) else type(images).__name__
            raise ConfigError(f"images: got {kind}, expected a tensor of at least one image [batch, ...]")
        first = images[: TRACED + CHECKED]
        yield first.to(like.device, like.dtype) if images.is_floating_point() else first
        return
    generator = torch.Generator().manual_seed(0)
    for shape in _shapes(model):
        drawn = torch.rand((TRACED + CHECKED, *shape), generator=generator, dtype=torch.float64)
        yield drawn.to(like.device, like.dtype)


def _shapes(model: nn.Module) -> Iterator[tuple[int, ...]]:
    """Give the shapes that one image may have, the likeliest first."""
    known = model.meta.get(EXAMPLE) if isinstance(model, fx.GraphModule) else getattr(model, EXAMPLE, None)
    if known is not None:
        yield known
    config = config_of(model)
    if isinstance(config, ModelConfig):
        yield (config.in_channels, *config.image_size)
        return
    seen: set[tuple[int, ...]] = set()
    for layer in model.modules():
        for shape in _shapes_before(layer):
            if shape not in seen:
                seen.add(shape)
                yield shape
    if not seen:
        yield from ((3,), (1, 8, 8), (3, 32, 32))


def _shapes_before(layer: nn.Module) -> Iterator[tuple[int, ...]]:
    """Give shapes of images that a layer can be the first to see."""
    if isinstance(layer, nn.Linear):
        n = layer.in_features
        yield (n,)
        for channels in (1, 3):
            side = round((n / channels) ** 0.5)
            if channels * side * side == n:
                yield (channels, side, side)
        yield (4, n)
    elif isinstance(layer, nn.Conv1d):
        yield from ((layer.in_channels, side) for side in SIDES)
    elif isinstance(layer, nn.Conv2d):
        yield from ((layer.in_channels, side, side) for side in SIDES)
    elif isinstance(layer, nn.Conv3d):
        yield from ((layer.in_channels, side, side, side) for side in (8, 16, 32))
    elif isinstance(layer, nn.BatchNorm2d):
        yield (layer.num_features, 8, 8)


def _checked(model: nn.Module) -> nn.Module:
    """Return a network that takes images alone and does not spike; ConversionError on others."""
    try:
        require_network(model)
    except ConfigError as error:
        raise ConversionError([str(error)]) from error
    config = config_of(model)
    if config is not None and not isinstance(model, SourceNetwork | fx.GraphModule):
        names = ", ".join(name for name, known in MODELS.items() if issubclass(known, SourceNetwork))
        plain = isinstance(config, HAS8Config) and not VARIANTS[config.variant].snn
        spikes = "which spikes already; take an ordinary network"
        why = f"which is no source network; take one of {names}" if plain else spikes
        raise ConversionError([f"model: got {type(model).__name__}, {why}"])
    for path, module in model.named_modules():
        if is_scripted(module):
            mend = "take the module that was scripted, or start Python with PYTORCH_JIT=0"
            raise ConversionError([f"{path or 'model'}: ScriptModule is compiled and shows no calls; {mend}"])
        if any(map(nn.parameter.is_lazy, module.parameters(recurse=False))):
            raise ConversionError([f"{path or 'model'}: {type(module).__name__} has no weights yet; run it once"])
    try:
        wanted = inspect.signature(model.forward).parameters.values()
    except (TypeError, ValueError):
        return model
    kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    needed = [p.name for p in wanted if p.default is inspect.Parameter.empty and p.kind not in kinds]
    takes = any(p.kind in (kinds[0], inspect.Parameter.POSITIONAL_OR_KEYWORD) for p in wanted)
    if len(needed) != 1 and (needed or not takes):
        names = ", ".join(needed) or "none"
        raise ConversionError([f"model: {type(model).__name__} takes as inputs {names}; expected the images alone"])
    return model


def _require_finite(model: nn.Module) -> None:
    for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise ConversionError([f"{name}: has NaN or infinite values, expected finite ones"])


def _placed(text: str, error: Exception, model: nn.Module) -> str:
    paths = ("model", *(path for path, _ in model.named_modules() if path))
    return text if text.startswith(paths) else f"model{own_line(error)} {text}"


def example_of(graph: fx.GraphModule) -> Tensor:
    """Return images that the network of a graph takes."""
    images: Tensor = graph.meta[ORIGIN].images
    return images
