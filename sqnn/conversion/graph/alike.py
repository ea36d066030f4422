"""The likeness of two graphs, and of a network and its copy, which is what is traced."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, fx, nn

from sqnn.conversion.errors import ConversionError, first_line, own_line
from sqnn.conversion.graph.check import same
from sqnn.core import RAISED

MEND = "let copy.deepcopy give the same network, with all that its forward needs"


def same_calls(ours: fx.GraphModule, theirs: fx.GraphModule) -> bool:
    """Say whether two graphs make the same calls one after the other, with the same constants."""
    mine, others = ours.graph.nodes, theirs.graph.nodes
    return len(mine) == len(others) and _calls(ours) == _calls(theirs)


def _calls(graph: fx.GraphModule) -> list[tuple[str, object, str]]:
    """Return the calls of a graph in words, in which names that are given by number do not count."""
    places = {node: f"%{place}" for place, node in enumerate(graph.graph.nodes)}
    calls: list[tuple[str, object, str]] = []
    for node in graph.graph.nodes:
        constant = getattr(graph, str(node.target), None) if node.op == "get_attr" else None
        target: object = str(node.target) if node.op != "call_function" else node.target
        if isinstance(constant, Tensor) and not isinstance(constant, nn.Parameter):
            target = (str(constant.dtype), tuple(constant.shape), tuple(constant.flatten().tolist()))
        calls.append((node.op, target, str(fx.map_arg((node.args, node.kwargs), places.__getitem__))))
    return calls


def require_same_numbers(model: nn.Module, copied: nn.Module) -> None:
    """Raise ConversionError where the copy of a network has other parameters or buffers."""
    ours, theirs = _state(model), _state(copied)
    if ours.keys() != theirs.keys() or not all(torch.equal(tensor, theirs[name]) for name, tensor in ours.items()):
        raise ConversionError([f"model: {type(model).__name__} has a copy of other parameters or buffers; {MEND}"])


@torch.no_grad()
def require_alike(
    model: nn.Module, copied: nn.Module, graph: fx.GraphModule, images: Tensor, rounding: float | None = None
) -> None:
    """Raise ConversionError where a network computes something else than the graph of its copy, if it is a copy.

    The network runs with the parameters and buffers of the copy, which are its own numbers, so that its own stay what
    they are, as do its attributes.
    """
    if model is copied:
        return
    name = type(model).__name__
    try:
        with _kept(model), torch.random.fork_rng(devices=[]):
            wanted = torch.func.functional_call(model, _state(copied), (images.clone(),))
    except RAISED as error:  # the model's own, of whatever class
        why = f"{name} does not run as its copy does ({first_line(error)})"
        raise ConversionError([f"model{own_line(error)}: {why}; {MEND}"]) from error
    if not same(graph(images.clone()), wanted, rounding):
        raise ConversionError([f"model: {name} computes something else than its copy; {MEND}"])


def _state(model: nn.Module) -> dict[str, Tensor]:
    return {**dict(model.named_parameters()), **dict(model.named_buffers())}


@contextmanager
def _kept(model: nn.Module) -> Iterator[None]:
    """Let a network have the attributes again that it had before, with what was in them: layers, hooks, lists, tensors.

    Its parameters and buffers are not looked at.
    """
    attributes = [vars(module) for module in model.modules()]
    held = [item for own in attributes for item in (own, *own.values())]
    before = [(item, copy.copy(item)) for item in held if isinstance(item, dict | list | set)]
    numbers = [(item, item.detach().clone()) for item in held if isinstance(item, Tensor)]
    try:
        yield
    finally:
        for item, content in before:
            item.clear()
            if isinstance(item, list):
                item.extend(content)
            else:
                item.update(content)
        for tensor, values in numbers:
            if not torch.equal(tensor, values):
                tensor.detach().copy_(values)
