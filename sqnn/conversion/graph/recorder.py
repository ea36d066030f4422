"""The recorder: a forward pass on real images, every torch call of it written down as a node of a graph."""

from __future__ import annotations

import operator
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from fractions import Fraction
from functools import partial
from pathlib import Path
from types import FrameType, MappingProxyType
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.overrides import TorchFunctionMode

from sqnn.conversion.graph.arguments import leaves, mapped, plain
from sqnn.conversion.graph.forms import (
    form_of,
    name_of,
    new_zeros_strided,
    run_form,
    zeros_permuted,
    zeros_strided,
)
from sqnn.conversion.graph.independence import batch_axes
from sqnn.conversion.graph.leaves import kind_of, plain_copy
from sqnn.conversion.graph.nodes import ACROSS, AXIS, DATA, DRAWS, MOVED, PATH, PLACE, SHAPE
from sqnn.conversion.graph.sizes import FEW, BatchSize, ImageSize, TraceRefusedError, batch_of, size_of
from sqnn.core import is_users
from sqnn.models import SourceNetwork

_RANDOM = frozenset(
    {"rand", "randn", "randint", "randperm", "rand_like", "randn_like", "randint_like", "bernoulli", "normal"}
    | {"multinomial", "poisson", "random_", "uniform_", "normal_", "bernoulli_", "exponential_", "cauchy_"}
    | {"geometric_", "log_normal_", "rrelu_with_noise"}
)
_SHAPED = frozenset(
    {"view", "reshape", "expand", "zeros", "ones", "empty", "full", "new_zeros", "new_ones", "new_empty", "new_full"}
    | {"repeat", "broadcast_to", "zeros_strided", "zeros_permuted", "new_zeros_strided"}
)
"""Calls whose first size is often the number of images."""
_UNWRITTEN: Mapping[str, Callable[..., Tensor]] = MappingProxyType(
    {
        "empty": torch.zeros,
        "empty_like": torch.zeros_like,
        "new_empty": Tensor.new_zeros,
        "empty_strided": zeros_strided,
        "empty_permuted": zeros_permuted,
        "new_empty_strided": new_zeros_strided,
    }
)
"""Calls that give memory as it is, which differs from pass to pass until it is written, and what is recorded."""
_LIKE = frozenset({"to", "type_as"})
"""Calls that give their first tensor, in the precision of another."""
_DROPOUTS = frozenset({"dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout", "feature_alpha_dropout"})
_CUTS = frozenset({"__getitem__", "split", "tensor_split", "chunk"})
"""Calls that give views of parts, the sizes of which may be plain numbers."""
_FLAGS = frozenset({"requires_grad_", "detach_"})
"""Calls in place that leave all numbers as they are."""
_READS = frozenset(
    {"__int__", "__float__", "__complex__", "__index__", "__contains__", "__array__", "item", "tolist"}
    | {"numpy", "equal", "allclose", "is_nonzero", "__dlpack__", "data_ptr", "untyped_storage", "storage"}
)
"""Calls that read numbers of the images, beside the answer to a branch."""
_BRANCH = "__bool__"
MOST_BRANCHES = 64
"""Branches on numbers of the images of which each is tried the other way."""


class Recorder(TorchFunctionMode):
    """Records one forward pass of `model` on `images`; `kinds` are the classes of layers that stay single nodes, as do
    the modules in `known`, in whose place the graph has other layers.

    `graph`, `parts` (modules, parameters and constants by the names that nodes have for them) and `values` (the output
    of every node, where `keep` is set) are what it has then, `branches` the places that branch on numbers of the
    images. The one of the number `turned` is told the opposite.
    """

    def __init__(
        self,
        model: nn.Module,
        kinds: tuple[type[nn.Module], ...],
        known: Mapping[nn.Module, nn.Module],
        *,
        keep: bool = False,
        turned: int | None = None,
    ) -> None:
        super().__init__()
        self.model, self._kinds = model, kinds
        self._known = {id(module): layer for module, layer in known.items()}
        # The hook of the package's own networks checks images, and changes nothing.
        self._bare = isinstance(model, SourceNetwork)
        self.graph = fx.Graph()
        self.parts: dict[str, nn.Module | Tensor] = {}
        self.values: dict[str, Tensor] | None = {} if keep else None
        self.asked: list[int] = []
        self.branches: list[str] = []
        self._turned = turned
        self._seen: dict[int, tuple[Tensor, fx.Node, int, int]] = {}
        self._attributes: dict[str, fx.Node] = {}
        self._changes: Counter[int] = Counter()
        self._paths = {id(module): path for path, module in reversed([*model.named_modules(remove_duplicate=False)])}
        state = [*model.named_buffers(remove_duplicate=False), *model.named_parameters(remove_duplicate=False)]
        self._state = {id(tensor): (path, tensor) for path, tensor in reversed(state)}

    @torch.no_grad()
    def record(self, images: Tensor) -> object:
        """Run the model on a batch; return its output. Raises TraceRefusedError, and what the model itself raises."""
        self.batch = len(images)
        self._images = self.graph.placeholder("images")
        self._images.meta |= {DATA: True, SHAPE: tuple(images.shape)}
        images = images.clone()
        self._bind(images, self._images)
        with self._opaque_leaves(), self:
            output = self.model.forward(images) if self._bare else self.model(images)
        strange = next(
            (item for item in leaves(output) if not isinstance(item, Tensor | int | float | str | None)), None
        )
        if strange is not None:
            kind = type(strange).__name__
            raise TraceRefusedError(f"model: gives a {kind}; return tensors, in tuples, lists or dictionaries")
        self.graph.output(self._written(output, self._images))
        return output

    def __torch_function__(
        self, func: Callable[..., Any], types: object, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        name = name_of(func)
        if name in _UNWRITTEN:
            kwargs = {key: value for key, value in kwargs.items() if key != "memory_format" or name != "empty"}
            func = _UNWRITTEN[name]
            name = name_of(func)
        if name in _SHAPED and set(FEW) <= set(self.asked):
            args = self._with_batch(name, args)
        if name in ("shape", "size", "__len__", "numel", "nelement"):
            return self._size(name, func(*args, **kwargs), args, kwargs)
        items = [*leaves(args), *leaves(kwargs)]
        tensors = [item for item in items if isinstance(item, Tensor)]
        data = [tensor for tensor in tensors if self._is_data(tensor)]
        sized = any(isinstance(item, BatchSize) for item in items)
        if name == _BRANCH and data and len(self.branches) < MOST_BRANCHES:
            self.branches.append(self._here())
            answer = bool(func(*args, **kwargs))
            return answer is not (len(self.branches) - 1 == self._turned)
        if name in (*_READS, _BRANCH) and data:
            raise reads(self._here(), name)
        first = args[0] if args else tensors[0] if tensors else None
        recorded = sized or name in _RANDOM or any(id(t) in self._seen or id(t) in self._state for t in tensors)
        plain_args, plain_kwargs = mapped((args, kwargs), plain)
        if name in _RANDOM and (name.endswith("_") or kwargs.get("generator") is not None):
            raise TraceRefusedError(
                f"{self._here()} draws random numbers in evaluation too ({name}); draw where self.training is set"
            )
        if name == "__deepcopy__" and data:
            func, name, args, plain_args = Tensor.clone, "clone", args[:1], plain_args[:1]
        if name.startswith("new_") and not sized and len(data) < 2:
            return func(*plain_args, **plain_kwargs)
        if name in _LIKE and data and isinstance(first, Tensor) and not self._is_data(first):
            return func(*plain_args, **plain_kwargs)
        if not recorded:
            return func(*plain_args, **plain_kwargs)
        changes = name.endswith("_") and not name.endswith("__")
        changes |= name.startswith("__i") or name == "__setitem__" or kwargs.get("inplace") is True or "out" in kwargs
        twins: dict[int, int | None] = {}
        kept: list[Tensor] = []

        def cloned(item: object) -> object:
            if not isinstance(item, Tensor):
                return item
            twin = item.clone()
            kept.append(twin)
            twins[id(twin)] = self._axis_of(item)
            return twin

        def axis_of(tensor: Tensor) -> int | None:
            return twins[id(tensor)] if id(tensor) in twins else self._axis_of(tensor)

        before = mapped((args, kwargs), cloned) if changes else (args, kwargs)
        versions = [self._version(tensor) for tensor in tensors]
        kind, target, *form = form_of(func, name, args, kwargs, self._sizes_of)
        written = self._written(tuple(form), self._operand(data))
        result = func(*plain_args, **plain_kwargs)
        if changes and name not in _FLAGS:
            into = kwargs.get("out")
            self._count_change(into if isinstance(into, Tensor) else tensors[0])
        mutated = [t for t, version in zip(tensors, versions, strict=True) if self._version(t) != version]
        if not mutated and not any(isinstance(item, Tensor) for item in leaves(result)):
            return result
        if any(tensor is not first and tensor is not kwargs.get("out") for tensor in mutated):
            raise TraceRefusedError(f"{self._here()} changes a tensor by {name}; use the call that gives a new one")
        if changes and not mutated and result is not None and result is tensors[0]:
            return result  # requires_grad_, detach_: the same numbers
        node = self.graph.create_node(kind, target, *written)
        self._place(node)
        axes: list[int] | None = None
        node.meta[DRAWS] = name in _RANDOM or (name in _DROPOUTS and _drops(args, kwargs))
        if data or sized:
            node.meta[DATA] = True
            again_args, again_kwargs = form_of(func, name, before[0], before[1], self._sizes_of)[2:]
            cuts = name in _CUTS and len(tensors) == 1
            axes = batch_axes(partial(run_form, kind, target), again_args, again_kwargs, axis_of, self.batch, cuts)
            node.meta[ACROSS] = not node.meta[DRAWS] and axes is None
            node.meta[MOVED] = any(axes or ()) or any(self._axis_of(tensor) for tensor in data)
        self._bind(mutated[0] if mutated else result, node, axes)
        return result

    def _sizes_of(self, tensor: Tensor) -> torch.Size:
        sizes: torch.Size = self._size("shape", tensor.shape, (tensor,), {})
        return sizes

    def _with_batch(self, name: str, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return the arguments of a call whose first size may be a plain number that code made of the images'."""
        place = next((place for place, item in enumerate(args) if not isinstance(item, Tensor)), None)
        if place is None or (name in ("view", "reshape") and not self._is_data(args[0])):
            return args
        sizes = args[place]
        first = sizes[0] if isinstance(sizes, tuple | list) and sizes else sizes
        if type(first) is not int or first != self.batch:
            return args
        batch = BatchSize(first, Fraction(1), self.asked)
        return (*args[:place], (batch, *sizes[1:]) if isinstance(sizes, tuple | list) else batch, *args[place + 1 :])

    def _size(self, name: str, value: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Return a size, that of the batch as a number that knows it."""
        tensor: Tensor = args[0]
        axis = self._axis_of(tensor)
        if axis is None or axis >= tensor.ndim or tensor.shape[axis] % self.batch:
            return value
        if name in ("numel", "nelement"):
            return BatchSize(value, Fraction(value, self.batch), self.asked)
        node = self._node(tensor)
        sizes = tuple(
            BatchSize(number, Fraction(number, self.batch), self.asked)
            if place == axis
            else ImageSize(number, self.graph.call_function(size_of, (node, place)))
            for place, number in enumerate(tensor.shape)
        )
        if name == "__len__":
            self.asked.extend(FEW)  # Python makes a plain number of it
            return sizes[0]
        asked = args[1] if len(args) > 1 else kwargs.get("dim")
        return torch.Size(sizes) if name == "shape" or asked is None else sizes[asked % tensor.ndim]

    @contextmanager
    def _opaque_leaves(self) -> Iterator[None]:
        """Let the known layers be called as single nodes; their hooks still run, and are recorded."""
        wrapped: list[nn.Module] = []
        try:
            for module in self.model.modules():
                kind = kind_of(module, self._kinds)
                if kind is not None or id(module) in self._known:
                    module.__dict__["forward"] = self._recorded(module, kind)
                    wrapped.append(module)
            yield
        finally:
            for module in wrapped:
                del module.__dict__["forward"]

    def _recorded(self, module: nn.Module, kind: type[nn.Module] | None) -> Callable[..., object]:
        path, forward = self._paths[id(module)], module.forward

        def call(*args: Any, **kwargs: Any) -> object:
            with torch._C.DisableTorchFunction():
                tensors = [item for item in leaves((args, kwargs)) if isinstance(item, Tensor)]
                data = [tensor for tensor in tensors if self._is_data(tensor)]
                written = self._written((args, kwargs), self._operand(data))
                result: object = forward(*mapped(args, plain), **mapped(kwargs, plain))
                if isinstance(result, Tensor) and getattr(module, "inplace", False):
                    self._count_change(result)
                if path not in self.parts:
                    self.parts[path] = self._known[id(module)] if kind is None else plain_copy(module, kind)
                node = self.graph.create_node("call_module", path, *written)
                self._place(node, path)
                node.meta[DATA] = bool(data)
                axes: list[int] | None = None
                moved = any(self._axis_of(tensor) for tensor in data)
                if data and (moved or not module._parameters):
                    axes = batch_axes(forward, args, kwargs, self._axis_of, self.batch)
                    node.meta[ACROSS] = axes is None
                    node.meta[MOVED] = moved or any(axes or ())
                self._bind(result, node, axes)
                return result

        return call

    def _is_data(self, tensor: Tensor) -> bool:
        return self._axis_of(tensor) is not None

    def _axis_of(self, tensor: Tensor) -> int | None:
        """Return the dimension of the images in a tensor, None where it does not depend on them."""
        seen = self._seen.get(id(tensor))
        return seen[3] if seen is not None and seen[1].meta.get(DATA) else None

    def _operand(self, data: list[Tensor]) -> fx.Node:
        """Return the node whose first size the sizes of a call are told by."""
        first = (t for t in data if self._axis_of(t) == 0 and t.ndim and t.shape[0] % self.batch == 0)
        return next((self._node(t) for t in first), self._images)

    def _written(self, items: Any, operand: fx.Node) -> Any:
        """Return arguments with tensors as nodes, and multiples of the batch as calls that compute them."""

        def write(item: object) -> object:
            if isinstance(item, Tensor):
                return self._node(item)
            if isinstance(item, ImageSize):
                # Code that keeps sizes, as einops does, may hand on those of a pass before.
                return item.node if item.node.graph is self.graph else int(item)
            if isinstance(item, BatchSize):
                times = item.share / Fraction(operand.meta[SHAPE][0], self.batch)
                node = self.graph.call_function(batch_of, (operand, times.numerator, times.denominator))
                node.meta[DATA] = True
                return node
            return item

        return mapped(items, write)

    def _node(self, tensor: Tensor) -> fx.Node:
        seen = self._seen.get(id(tensor))
        if seen is not None:
            if self._version(tensor) != seen[2]:
                raise TraceRefusedError(
                    f"{self._here()} reads a tensor that a call in place has changed through another view of it; use "
                    "the call that gives a new tensor"
                )
            return seen[1]
        known = self._state.get(id(tensor))
        name = known[0] if known is not None else f"constant_{len(self.parts)}"
        if name not in self._attributes:
            self.parts[name] = tensor if known is not None else tensor.detach().clone()
            self._attributes[name] = self.graph.get_attr(name)
            self._attributes[name].meta |= {SHAPE: tuple(tensor.shape)}
        return self._attributes[name]

    def _bind(self, result: Any, node: fx.Node, axes: Sequence[int] | None = None) -> None:
        """Let the tensors of a result be known as what a node gives; `axes` say where the images are in them."""
        self._bind_next(result, node, iter(axes or ()))

    def _bind_next(self, result: Any, node: fx.Node, axes: Iterator[int]) -> None:
        if isinstance(result, Tensor):
            node.meta[SHAPE] = tuple(result.shape)
            node.meta[AXIS] = next(axes, 0)
            self._seen[id(result)] = (result, node, self._version(result), node.meta[AXIS])
            if self.values is not None:
                self.values[node.name] = result.detach().clone()
        elif isinstance(result, tuple | list):
            for place, item in enumerate(result):
                if any(isinstance(leaf, Tensor) for leaf in leaves(item)):
                    part = self.graph.call_function(operator.getitem, (node, place))
                    part.meta |= {key: node.meta.get(key) for key in (DATA, PLACE, PATH)}
                    self._bind_next(item, part, axes)

    def _version(self, tensor: Tensor) -> int:
        """Return how often the memory of a tensor has been changed; torch itself does not count in inference mode."""
        return self._changes[tensor.untyped_storage().data_ptr()] if tensor.is_inference() else tensor._version

    def _count_change(self, tensor: Tensor) -> None:
        if tensor.is_inference():
            self._changes[tensor.untyped_storage().data_ptr()] += 1

    def _place(self, node: fx.Node, path: str | None = None) -> None:
        where, inside = self._frame()
        node.meta |= {PLACE: where, PATH: inside if path is None else path}

    def _here(self) -> str:
        where, path = self._frame()
        return f"{path or 'model'} ({where})" if where else path or "model"

    def _frame(self) -> tuple[str, str]:
        """Return the file and line that calls, and the path of the innermost module there."""
        where = ""
        frame: FrameType | None = sys._getframe(1)
        while frame is not None:
            code = frame.f_code
            if is_users(frame) and not where:
                where = f"{Path(code.co_filename).name}:{frame.f_lineno}"
            if code.co_argcount and code.co_name != "__call__":
                path = self._paths.get(id(frame.f_locals.get(code.co_varnames[0])))
                if path is not None:
                    return where, path
            frame = frame.f_back
        return where, ""


def reads(place: str, call: str) -> TraceRefusedError:
    """Return the error of code that reads numbers of the images."""
    return TraceRefusedError(
        f"{place} reads numbers of the images ({call.strip('_')}); keep branches and numbers that depend on the images "
        "out of forward, or convert the part that holds the layers"
    )


def _drops(args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Say whether a call of F.dropout and its like drops although the network is in evaluation."""
    return bool(args[2] if len(args) > 2 else kwargs.get("training", True))
