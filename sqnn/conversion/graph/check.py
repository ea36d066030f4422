"""The comparison of a graph with the network that it was traced from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import MappingProxyType

import torch
from torch import Tensor, fx, nn
from torch.utils._pytree import tree_leaves

from sqnn.conversion.errors import ConversionError, first_line, own_line
from sqnn.conversion.graph.agreement import agree
from sqnn.conversion.graph.nodes import PATH, PLACE
from sqnn.conversion.graph.recorder import Recorder
from sqnn.conversion.graph.sizes import TraceRefusedError
from sqnn.conversion.graph.watcher import Watcher
from sqnn.core import RAISED

ROUNDING: Mapping[torch.dtype, float] = MappingProxyType({torch.float64: 1e-11, torch.float32: 1e-4})
COARSE = 1e-2
"""Share of the largest output by which two passes may differ, for threads that add in another order; below single
precision COARSE."""


@torch.no_grad()
def require_repeated(
    model: nn.Module,
    graph: fx.GraphModule,
    again: Callable[[], Recorder],
    batches: Sequence[Tensor],
    rounding: float | None = None,
) -> None:
    """Raise ConversionError where graph and model differ on one of the batches of images.

    The first place is named, for which `again` gives a recorder of the model. `rounding` is the share of the largest
    number that may differ, by default what the order of sums explains.
    """
    for seed, images in enumerate(batches):
        try:
            with _seeded(seed):
                wanted = model(images.clone())
        except RAISED as error:  # the model's own, of whatever class
            mend = "take the number of images from x.shape[0] or -1"
            name = f"model{own_line(error)}: {type(model).__name__}"
            why = f"does not run on {len(images)} images ({first_line(error)})"
            raise ConversionError([f"{name} {why}; {mend}"]) from error
        try:
            repeated = same(graph(images.clone()), wanted, rounding)
        except RAISED:  # a size or a number of the images that was traced and is wrong for these
            repeated = False
        if not repeated:
            raise ConversionError([_first_difference(model, graph, again, images, rounding)])


def same(ours: object, theirs: object, rounding: float | None = None) -> bool:
    """Say whether two outputs agree but for rounding: the same structure, sizes and other values, tensors within it."""
    mine, wanted = tree_leaves(ours), tree_leaves(theirs)
    return len(mine) == len(wanted) and all(_agree(*pair, rounding) for pair in zip(mine, wanted, strict=True))


def _agree(ours: object, theirs: object, rounding: float | None = None) -> bool:
    if not isinstance(theirs, Tensor) or not isinstance(ours, Tensor):
        return type(ours) is type(theirs) and bool(ours == theirs)
    return agree(ours, theirs, ROUNDING.get(theirs.dtype, COARSE) if rounding is None else rounding)


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Draw other random numbers in each pass, so that layers which a pass makes anew show; none are drawn outside."""
    with torch.random.fork_rng(devices=[]):
        torch.random.default_generator.manual_seed(seed)
        yield


def _first_difference(
    model: nn.Module, graph: fx.GraphModule, recorder: Callable[[], Recorder], images: Tensor, rounding: float | None
) -> str:
    """Say where the network and its graph part, in one of the next two passes where it does so by turns."""
    mend = "so that its graph would be another network; keep what changes from call to call out of forward"
    for seed in range(2):
        again = recorder()
        try:
            with _seeded(seed):
                again.record(images.clone())
        except TraceRefusedError as error:
            return str(error)
        # Sizes have no place in the code, and those that nothing reads are gone from one of the two.
        theirs, ours = ([n for n in g.graph.nodes if n.meta.get(PLACE)] for g in (again, graph))
        for mine, other in zip(ours, theirs, strict=False):
            if (mine.op, mine.target) != (other.op, other.target) and mine.op != "get_attr":
                return f"{_where(other)} is called in one pass and not in another, {mend}"
        values: dict[str, Tensor] = {}

        def see(name: str, output: object, values: dict[str, Tensor] = values) -> None:
            if isinstance(output, Tensor):
                values[name] = output

        try:
            Watcher(graph, [node.name for node in ours], see).run(images.clone())
        except RAISED:  # as above: the first call that has no value is the place
            wrong = next(node for node in ours if node.name not in values and node.meta.get(PLACE))
            return f"{_where(wrong)} is right for one number of images alone, {mend}"
        for mine, other in zip(ours, theirs, strict=False):
            seen = (again.values or {}).get(other.name)
            if mine.name in values and seen is not None and not _agree(values[mine.name], seen, rounding):
                return f"{_where(mine)} gives other values from pass to pass, {mend}"
    return f"model: {type(model).__name__} gives other values from pass to pass, {mend}"


def _where(node: fx.Node) -> str:
    place = node.meta.get(PLACE)
    name = str(node.target) if node.op == "call_module" else str(getattr(node.target, "__name__", node.target))
    return f"{node.meta.get(PATH) or 'model'}: {name}{f' ({place})' if place else ''}"
