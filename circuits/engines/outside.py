"""What a simulator outside torch computes, as one operation of torch: values, first derivatives, torch.func."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Protocol

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx

Needs = tuple[bool, bool]
"""Whether a derivative by the inputs, and one by the weights, is asked for."""


class Outside(Protocol):
    """An engine that computes on plain tensors: inputs [batch, n_inputs] and weights [n_blocks, n, 3] in radians."""

    name: ClassVar[str]
    shots: int | None

    def values(self, inputs: Tensor, weights: Tensor, generator: torch.Generator | None) -> Tensor:
        """Return the expectations [batch, reads] in the inputs' dtype."""

    def jacobian(self, inputs: Tensor, weights: Tensor, needs: Needs, generator: torch.Generator | None) -> Tensor:
        """Return their derivatives [batch, reads, n_inputs + 3 n n_blocks]; those not in `needs` may be zero."""


class _Saved(FunctionCtx):
    engine: Outside
    generator: torch.Generator | None
    saved_tensors: tuple[Tensor, ...]
    needs_input_grad: tuple[bool, ...]

    def save_for_forward(self, *tensors: Tensor) -> None: ...


class _Vmap(Protocol):
    batch_size: int
    randomness: str


Dims = tuple[int | None, ...]


class Evaluation(torch.autograd.Function):
    """`Evaluation.apply(inputs, weights, engine, generator)`: expectations with first derivatives of both modes.

    vmap over inputs alone runs as one larger batch, over weights one after the other. RuntimeError on derivatives of
    derivatives, and where vmap shall draw shots but not `randomness="different"` ones.
    """

    @staticmethod
    def forward(inputs: Tensor, weights: Tensor, engine: Outside, generator: torch.Generator | None) -> Tensor:
        return engine.values(inputs, weights, generator)

    @staticmethod
    def setup_context(
        ctx: _Saved, inputs: tuple[Tensor, Tensor, Outside, torch.Generator | None], output: Tensor
    ) -> None:
        data, weights, ctx.engine, ctx.generator = inputs
        ctx.save_for_backward(data, weights)
        ctx.save_for_forward(data, weights)

    @staticmethod
    def backward(ctx: _Saved, grad: Tensor) -> tuple[Tensor | None, Tensor | None, None, None]:  # type: ignore[override]
        data, weights = ctx.saved_tensors
        needs = ctx.needs_input_grad[0], ctx.needs_input_grad[1]
        by_data, by_weights = _slopes(ctx, needs)
        grad = grad.to(by_data)
        for_data = torch.einsum("br,brs->bs", grad, by_data).to(data) if needs[0] else None
        for_weights = torch.einsum("br,brs->s", grad, by_weights).reshape(weights.shape).to(weights)
        return for_data, for_weights if needs[1] else None, None, None

    @staticmethod
    def jvp(ctx: _Saved, data: Tensor | None, weights: Tensor | None, *_: None) -> Tensor:  # type: ignore[override]
        by_data, by_weights = _slopes(ctx, (data is not None, weights is not None))
        out = torch.zeros_like(by_data[..., 0])
        if data is not None:
            out = out + torch.einsum("brs,bs->br", by_data, data.to(by_data))
        if weights is not None:
            out = out + by_weights @ weights.flatten().to(by_weights)
        return out.to(ctx.saved_tensors[0])

    @staticmethod
    def vmap(
        info: _Vmap, dims: Dims, inputs: Tensor, weights: Tensor, engine: Outside, generator: torch.Generator | None
    ) -> tuple[Tensor, int]:
        return _folded(lambda x, w: Evaluation.apply(x, w, engine, generator), engine, info, dims, inputs, weights)


class _Jacobian(torch.autograd.Function):
    """The derivatives as an operation of their own, which has none."""

    @staticmethod
    def forward(
        inputs: Tensor, weights: Tensor, engine: Outside, needs: Needs, generator: torch.Generator | None
    ) -> Tensor:
        return engine.jacobian(inputs, weights, needs, generator)

    @staticmethod
    def setup_context(ctx: _Saved, inputs: tuple[Tensor, Tensor, Outside, Needs, object], output: Tensor) -> None:
        ctx.engine = inputs[2]

    @staticmethod
    def backward(ctx: _Saved, *_: Tensor) -> None:
        raise _twice(ctx.engine)

    @staticmethod
    def jvp(ctx: _Saved, *_: Tensor | None) -> None:
        raise _twice(ctx.engine)

    @staticmethod
    def vmap(
        info: _Vmap,
        dims: Dims,
        inputs: Tensor,
        weights: Tensor,
        engine: Outside,
        needs: Needs,
        generator: torch.Generator | None,
    ) -> tuple[Tensor, int]:
        return _folded(
            lambda x, w: _Jacobian.apply(x, w, engine, needs, generator), engine, info, dims, inputs, weights
        )


def _slopes(ctx: _Saved, needs: Needs) -> tuple[Tensor, Tensor]:
    """Return the derivatives by the inputs [batch, reads, n_inputs] and by the weights [batch, reads, 3 n n_blocks]."""
    data, weights = ctx.saved_tensors
    both = _Jacobian.apply(data, weights, ctx.engine, needs, ctx.generator)
    by_data, by_weights = both.split([data.shape[-1], weights.numel()], dim=-1)
    return by_data, by_weights


def _folded(
    call: Callable[[Tensor, Tensor], Tensor], engine: Outside, info: _Vmap, dims: Dims, inputs: Tensor, weights: Tensor
) -> tuple[Tensor, int]:
    if engine.shots is not None and info.randomness != "different":
        raise RuntimeError(
            f"vmap: got randomness={info.randomness!r} where the engine {engine.name} draws shots, expected 'different'"
        )
    data_dim, weights_dim = dims[:2]
    if weights_dim is None and data_dim is not None:
        rows = inputs.movedim(data_dim, 0)
        return call(rows.flatten(0, 1), weights).unflatten(0, rows.shape[:2]), 0
    pairs = zip(_each(inputs, data_dim, info), _each(weights, weights_dim, info), strict=True)
    return torch.stack([call(x, w) for x, w in pairs]), 0


def _each(tensor: Tensor, dim: int | None, info: _Vmap) -> list[Tensor]:
    return [tensor] * info.batch_size if dim is None else list(tensor.unbind(dim))


def _twice(engine: Outside) -> RuntimeError:
    return RuntimeError(
        f"{engine.name}: gradients computed outside torch cannot be differentiated again; take the engine lightcone "
        "for gradients of gradients"
    )
