"""What the activations of a network receive and give while it runs as it is: hooks and a dispatch mode, no trace."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from types import FrameType, MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from sqnn.conversion.foreign import taken_over
from sqnn.core import ConfigError
from sqnn.neurons import QCFS

HOOKED = "qcfs"
"""Kind of an activation that has levels of its own."""
ACTIVATIONS = (
    *("relu", "relu6", "leaky_relu", "prelu_kernel", "prelu", "rrelu_with_noise", "rrelu", "elu", "selu", "celu"),
    *("gelu", "silu", "mish", "hardswish", "hardtanh", "hardsigmoid", "softplus", "threshold", "clamp", "clamp_min"),
)
"""Operations that may be activations, those that always are first; in place or not makes no difference."""
BOUNDS: Mapping[str, tuple[str, float | None]] = MappingProxyType(
    {
        "clamp": ("min", None),
        "clamp_min": ("min", None),
        "hardtanh": ("min_val", -1.0),
        "threshold": ("threshold", None),
    }
)
"""Those that are activations where they keep values above 0: names and defaults of their lower bounds."""
_POOL = re.compile(r"(adaptive_)?max_pool([123]d)(_with_indices)?")
_AVERAGES: Mapping[str, Callable[..., Tensor]] = MappingProxyType(
    {"1d": F.avg_pool1d, "2d": F.avg_pool2d, "3d": F.avg_pool3d}
    | {f"adaptive_{n}d": vars(F)[f"adaptive_avg_pool{n}d"] for n in (1, 2, 3)}
)
_COMPILED = "_orig_mod"
_WRAPPED = ("module", _COMPILED)
"""Names under which DataParallel, AveragedModel and torch.compile keep the network that they wrap."""


@dataclass(frozen=True)
class Call:
    """An activation that ran: its operation, where, the shape of its values, and its bits where it has levels."""

    kind: str
    where: str
    shape: tuple[int, ...]
    bits: int | None = None


@dataclass(frozen=True)
class Observation:
    """What one pass gave: the output, the activations in order of execution, and the number of max pools."""

    output: object
    calls: tuple[Call, ...]
    pools: int


class Observer:
    """A network that runs as it is, watched at its activations; nothing of it is traced, copied or changed."""

    def __init__(self, model: nn.Module) -> None:
        self.model = model
        self._paths = {id(module): _bare(path) for path, module in model.named_modules()}
        self._hooked = [
            (module, own)
            for path, module in model.named_modules()
            if (own := module if isinstance(module, QCFS) else taken_over(module, path)) is not None
        ]
        scripted = [path for path, module in model.named_modules() if is_scripted(module)]
        if scripted:
            name = scripted[0] or type(model).__name__
            mend = "give the network that it was made from, or start Python with PYTORCH_JIT=0"
            raise ConfigError(f"model: got {name}, a ScriptModule, expected Python code that can be watched; {mend}")
        self.compiled = any(
            _COMPILED in module._modules or module._compiled_call_impl is not None for module in model.modules()
        )

    def observe(self, images: Tensor) -> Observation:
        """Run once and say what ran; all values stay what they are."""
        calls: list[Call] = []
        pools = 0
        number: dict[str, int] = {}

        def hooked(path: str, own: QCFS, received: Tensor, given: Tensor) -> None:
            number[path] = number.get(path, 0) + 1
            where = path if number[path] == 1 else f"{path}#{number[path]}"
            calls.append(Call(HOOKED, where, tuple(given.shape), own.timesteps))

        def activation(kind: str, values: Tensor) -> None:
            calls.append(Call(kind, f"{self._where()}: {kind}", tuple(values.shape)))

        def pooled() -> bool:
            nonlocal pools
            pools += 1
            return False

        output = self.run(images, hooked, activation, pooled)
        return Observation(output, tuple(calls), pools)

    def run(
        self,
        images: Tensor,
        hooked: Callable[[str, QCFS, Tensor, Tensor], None],
        activation: Callable[[str, Tensor], Tensor | None] | None = None,
        pooled: Callable[[], bool] | None = None,
    ) -> object:
        """Return the output for `images`, of which the network gets a copy.

        `hooked(path, levels, received, given)` sees every activation with levels, `levels` being a QCFS that computes
        the same. `activation(operation, received)` is asked for what every other activation is to give, None to leave
        it, `pooled()` whether a max pool is to take means instead. Without these two nothing but hooks is set. What
        torch.compile made runs as the Python code that it was made from.
        """
        mode = None if activation is None or pooled is None else _Answers(activation, pooled)

        def enter(module: nn.Module, args: object) -> None:
            if mode is not None:
                mode.paused = True

        def leaving(own: QCFS) -> Callable[..., None]:
            def leave(module: nn.Module, args: tuple[Tensor, ...], kwargs: dict[str, Tensor], given: Tensor) -> None:
                received = args[0] if args else next(iter(kwargs.values()))
                hooked(self._paths[id(module)], own, received, given)
                if mode is not None:
                    mode.paused = False

            return leave

        handles = [module.register_forward_pre_hook(enter) for module, _ in self._hooked]
        handles += [
            module.register_forward_hook(leaving(own), prepend=True, with_kwargs=True) for module, own in self._hooked
        ]
        fast = torch.backends.mha.get_fastpath_enabled()
        try:
            if mode is not None and not self._hooked:
                # The fused layer of a transformer hides its activation.
                torch.backends.mha.set_fastpath_enabled(False)
            with torch.compiler.set_stance("force_eager") if self.compiled else nullcontext(), mode or nullcontext():
                return self.model(images.clone())
        finally:
            torch.backends.mha.set_fastpath_enabled(fast)
            for handle in handles:
                handle.remove()

    def _where(self) -> str:
        """Return the module in whose forward pass this is called, with the line where the code is the user's own."""
        frame: FrameType | None = sys._getframe()
        while frame is not None:
            path = self._paths.get(id(frame.f_locals.get("self")))
            if path is not None and isinstance(frame.f_locals["self"], nn.Module):
                own = "torch.nn" not in frame.f_globals.get("__name__", "")
                line = f"{frame.f_code.co_filename}:{frame.f_lineno}"
                return (f"{path}, {line}" if path else line) if own else path
            frame = frame.f_back
        return type(self.model).__name__


class _Answers(TorchDispatchMode):
    """Gives activations and max pools other results, whether modules, functions or methods call them."""

    def __init__(self, activation: Callable[[str, Tensor], Tensor | None], pooled: Callable[[], bool]) -> None:
        super().__init__()
        self._activation, self._pooled = activation, pooled
        self.paused = False
        self._gate: tuple[Tensor, Tensor] | None = None

    def _swish(self, name: str, args: tuple[Any, ...]) -> Tensor | None:
        """Return x where x * sigmoid(x) is computed, by a product right after the sigmoid."""
        if name != "mul" or self._gate is None or {id(item) for item in args} != {id(item) for item in self._gate}:
            return None
        return self._gate[1]

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        full: str = func._schema.name.removeprefix("aten::")
        name = full.strip("_")
        if self.paused:
            return func(*args, **kwargs)
        swish = self._swish(name, args)
        self._gate = None
        if name == "sigmoid":
            self._gate = (func(*args, **kwargs), args[0])
            return self._gate[0]
        acts = name in ACTIVATIONS and _from_zero(name, args, kwargs)
        values = args[0] if acts else swish
        if values is not None and values.is_floating_point() and values.ndim:
            answer = self._activation(name if acts else "silu", values)
            if answer is not None:
                into = args[0] if full.endswith("_") else kwargs.get("out")
                return answer if into is None else into.resize_(answer.shape).copy_(answer)
        elif (pool := _POOL.fullmatch(name)) and self._pooled():
            means = _means(pool, *args, **kwargs)
            return (means, func(*args, **kwargs)[1]) if len(func._schema.returns) > 1 else means
        return func(*args, **kwargs)


def _from_zero(name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> bool:
    """Say whether an operation is no bound of other numbers, such as a smallest divisor."""
    if name not in BOUNDS:
        return True
    keyword, default = BOUNDS[name]
    lower = args[1] if len(args) > 1 else kwargs.get(keyword, default)
    return isinstance(lower, int | float) and lower == 0 and (name != "threshold" or args[2] == 0)


def _means(
    pool: re.Match[str],
    values: Tensor,
    kernel: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
) -> Tensor:
    """Return the means over the windows of a max pool; what lies outside of the image does not count."""
    if pool[1]:
        return _AVERAGES[f"adaptive_{pool[2]}"](values, kernel)
    return _AVERAGES[pool[2]](values, kernel, stride or kernel, padding, ceil_mode, count_include_pad=False)


def is_scripted(module: nn.Module) -> bool:
    """Say whether a module is compiled TorchScript; where PYTORCH_JIT=0 such classes are ordinary ones."""
    return isinstance(module, torch.jit.ScriptModule) and hasattr(module, "graph")


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Keep a network in evaluation mode, and give every module its own mode back at the end."""
    modes = [(module, module.training) for module in model.modules()]
    try:
        model.eval()
        yield
    finally:
        for module, mode in modes:
            module.training = mode


def _bare(path: str) -> str:
    """Return a path as the network has it that wrappers were put around."""
    parts = path.split(".")
    while parts and parts[0] in _WRAPPED:
        parts = parts[1:]
    return ".".join(part for part in parts if part != _COMPILED)
