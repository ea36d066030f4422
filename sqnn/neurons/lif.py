"""Layers of leaky and non-leaky integrate-and-fire neurons."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import ClassVar, Literal, overload

import torch
from torch import Tensor, nn

from sqnn.core import is_whole, number_of
from sqnn.neurons.base import Neuron, check_currents
from sqnn.neurons.compiled import takes
from sqnn.neurons.fused import lif_fused, lif_spikes
from sqnn.neurons.positive import learned_threshold, raw_threshold
from sqnn.neurons.step import RESETS, lif_sequence
from sqnn.neurons.surrogates import Surrogate, make_surrogate

BETA_MARGIN = 1e-6
"""A learned beta stays at least this far inside (0, 1), where float32 alone would round to the ends."""


class LIF(Neuron):
    """Run leaky integrate-and-fire neurons over a sequence of currents.

    u_t = beta v_(t-1) + I_t; s_t = 1 if u_t > threshold else 0; then v_t = u_t - threshold s_t
    (reset "subtract"), u_t (1 - s_t) ("zero") or u_t ("none"). The gradient of s is the surrogate's.

    Currents, spikes and membranes are `[time, batch, *features]`; `threshold` has the unit of the currents,
    and `initial_membrane` is counted in thresholds. State lives inside one call and never survives it.

    - `detach_reset`: no gradient through the spike of the reset term.
    - `learn_beta`, `learn_threshold`: train them, as m + (1 - 2 m) sigmoid(raw) in (0, 1) with m = 1e-6, and
      as 0.001 + softplus(raw). Only what is learned is a parameter.
    - `channels`: one learned value per channel of `[time, batch, channels, ...]` instead of one per layer. A `beta` or
      `threshold` with one value per channel, `[channels]`, sets it; what is not learned of it is a buffer.
    - `fused`: one hand-written autograd node (fast, differentiable once) or the plain loop (slow, any order).

    Raises `ValueError` on beta outside (0, 1] (open at 1 if learned), a threshold that is not positive, an
    unknown reset or surrogate, and currents that are not floating `[time >= 1, batch, *features]`.

    Source: Eshraghian et al., Proc. IEEE 111 (2023), with the reset inside the step.
    """

    _beta: float | Tensor
    _threshold: float | Tensor
    options: ClassVar[tuple[str, ...]] = (
        *("beta", "learn_beta", "threshold", "learn_threshold"),
        *("reset", "detach_reset", "initial_membrane", "surrogate"),
    )

    def __init__(
        self,
        beta: float | Tensor = 0.9,
        threshold: float | Tensor = 1.0,
        reset: str = "subtract",
        surrogate: str | Surrogate = "atan",
        *,
        detach_reset: bool = False,
        learn_beta: bool = False,
        learn_threshold: bool = False,
        channels: int | None = None,
        initial_membrane: float = 0.0,
        fused: bool = True,
    ) -> None:
        super().__init__()
        beta, threshold = _one_or_each("beta", beta), _one_or_each("threshold", threshold)
        for value in _listed(beta):
            if not 0 < value <= 1:
                raise ValueError(f"beta: got {value}, expected a number in (0, 1]")
        for value in _listed(threshold):
            if not (math.isfinite(value) and value > 0):
                raise ValueError(f"threshold: got {value}, expected a positive finite number")
        RESETS.pick(reset)
        if channels is not None and not (is_whole(channels) and channels >= 1):
            raise ValueError(f"channels: got {channels}, expected at least 1, or None for one value per layer")
        for name, each in (("beta", beta), ("threshold", threshold)):
            if isinstance(each, Tensor):
                channels = len(each) if channels is None else channels
                if len(each) != channels:
                    raise ValueError(f"{name}: got {len(each)} values, expected {channels}, one per channel")
        initial_membrane = number_of("initial_membrane", initial_membrane)
        if not math.isfinite(initial_membrane):
            raise ValueError(f"initial_membrane: got {initial_membrane}, expected a finite number")
        self.reset = reset
        self.surrogate = make_surrogate(surrogate)
        self.detach_reset = detach_reset
        self.channels = channels
        self.initial_membrane = initial_membrane
        self.fused = fused
        self.raw_beta = self._parameter(beta, _inverse_beta) if learn_beta else None
        self.raw_threshold = self._parameter(threshold, raw_threshold) if learn_threshold else None
        self._fix("_beta", beta, learn_beta)
        self._fix("_threshold", threshold, learn_threshold)

    @property
    def beta(self) -> float | Tensor:
        """The decay per step, in (0, 1]: a number, or a tensor: `[]` where learned, `[channels]` where each has one."""
        if self.raw_beta is None:
            return self._beta
        return BETA_MARGIN + (1 - 2 * BETA_MARGIN) * torch.sigmoid(self.raw_beta)

    @property
    def threshold(self) -> float | Tensor:
        """The firing threshold, above 0: a number, or a tensor as `beta`."""
        if self.raw_threshold is None:
            return self._threshold
        return learned_threshold(self.raw_threshold)

    @property
    def takes_kernels(self) -> bool:
        """Whether the compiled kernels compute neurons of this kind."""
        return self.fused and takes(self.beta, self.threshold, self.surrogate)

    @overload
    def forward(self, currents: Tensor, return_membrane: Literal[False] = False) -> Tensor: ...

    @overload
    def forward(self, currents: Tensor, return_membrane: Literal[True]) -> tuple[Tensor, Tensor]: ...

    def forward(self, currents: Tensor, return_membrane: bool = False) -> Tensor | tuple[Tensor, Tensor]:
        """Spikes in {0, 1}, and on request the membranes u that were compared with the threshold."""
        self._check(currents)
        decay, threshold = self._broadcast(self.beta, currents), self._broadcast(self.threshold, currents)
        start = self.initial_membrane
        if self.fused and not (return_membrane or torch.is_grad_enabled()):
            return lif_spikes(currents, decay=decay, threshold=threshold, reset=self.reset, initial_membrane=start)
        run = lif_fused if self.fused else lif_sequence
        spikes, membranes = run(
            currents,
            decay=decay,
            threshold=threshold,
            reset=self.reset,
            surrogate=self.surrogate,
            detach_reset=self.detach_reset,
            initial_membrane=start,
        )
        return (spikes, membranes) if return_membrane else spikes

    def extra_repr(self) -> str:
        raw = {"beta": self.raw_beta, "threshold": self.raw_threshold}
        learned = [name for name, parameter in raw.items() if parameter is not None]
        return (
            f"beta={_shown(self._beta)}, threshold={_shown(self._threshold)}, reset={self.reset!r}, "
            f"surrogate={self.surrogate!r}, learned={learned}, channels={self.channels}"
        )

    def _parameter(self, value: float | Tensor, raw_of: Callable[[float], float]) -> nn.Parameter:
        if isinstance(value, Tensor):
            return nn.Parameter(torch.tensor([raw_of(each) for each in value.tolist()]))
        return nn.Parameter(torch.full(() if self.channels is None else (self.channels,), raw_of(value)))

    def _fix(self, name: str, value: float | Tensor, learned: bool) -> None:
        """Keep the value that the layer begins with; one per channel that is not learned is stored with the weights."""
        if isinstance(value, Tensor):
            self.register_buffer(name, value, persistent=not learned)
        else:
            setattr(self, name, value)

    def _broadcast(self, value: float | Tensor, currents: Tensor) -> float | Tensor:
        """Line a learned value up with one step `[batch, channels, ...]` of the currents."""
        if not isinstance(value, Tensor):
            return value
        value = value.to(currents.dtype)
        return value if value.ndim == 0 else value.view(-1, *(1 for _ in currents.shape[3:]))

    def _check(self, currents: Tensor) -> None:
        check_currents(currents)
        if self.channels is not None and (currents.ndim < 3 or currents.shape[2] != self.channels):
            raise ValueError(
                f"currents: got shape {list(currents.shape)}, expected [time, batch, {self.channels}, ...]"
            )


class IF(LIF):
    """Run integrate-and-fire neurons, which never leak: `LIF` with beta fixed at 1.

    u_t = v_(t-1) + I_t, then as `LIF`. With reset "subtract" charge is conserved:
    v_T = v_0 + sum_t I_t - threshold sum_t s_t. Shapes, units and errors are those of `LIF`.
    """

    options: ClassVar[tuple[str, ...]] = tuple(name for name in LIF.options if not name.endswith("beta"))

    def __init__(
        self,
        threshold: float | Tensor = 1.0,
        reset: str = "subtract",
        surrogate: str | Surrogate = "atan",
        *,
        detach_reset: bool = False,
        learn_threshold: bool = False,
        channels: int | None = None,
        initial_membrane: float = 0.0,
        fused: bool = True,
    ) -> None:
        super().__init__(
            1.0,
            threshold,
            reset,
            surrogate,
            detach_reset=detach_reset,
            learn_threshold=learn_threshold,
            channels=channels,
            initial_membrane=initial_membrane,
            fused=fused,
        )


def _one_or_each(name: str, value: object) -> float | Tensor:
    """Return a number, or one per channel as a tensor [channels]; ValueError on anything else."""
    shape = tuple(getattr(value, "shape", ()))
    if len(shape) != 1:
        return number_of(name, value)
    values = torch.as_tensor(value)
    if values.requires_grad:
        raise ValueError(f"{name}: got a tensor with a gradient, expected plain values; learn_{name}=True learns them")
    return values.to(torch.get_default_dtype()).clone()


def _shown(value: float | Tensor) -> str:
    return f"{value:g}" if isinstance(value, float) else f"one of {len(value)} per channel"


def _listed(value: float | Tensor) -> list[float]:
    return list(value.tolist()) if isinstance(value, Tensor) else [value]


def _inverse_beta(beta: float) -> float:
    share = (beta - BETA_MARGIN) / (1 - 2 * BETA_MARGIN)
    if not 0 < share < 1:
        raise ValueError(f"beta: got {beta}, expected a learned beta in ({BETA_MARGIN:g}, 1 - {BETA_MARGIN:g})")
    return math.log(share / (1 - share))
