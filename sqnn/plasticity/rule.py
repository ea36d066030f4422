"""What all spike-timing rules share: a window of steps as one or two products, bounds, and the sum over the batch."""

from __future__ import annotations

import dataclasses
import functools
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple, ParamSpec, TypeVar

import torch
from torch import Tensor

from sqnn.core import Choices, Config, ConfigError, option, require
from sqnn.plasticity.checks import finite_tensor, rate_of
from sqnn.plasticity.connections import LINEAR, Connection, check_trains
from sqnn.plasticity.dependence import DEPENDENCES, Bounds
from sqnn.plasticity.traces import TRACES, adjoint_trace, decay_of, forward_trace

PAIRINGS: Choices[str] = Choices(
    "pairing", {"all": "every earlier spike counts", "nearest": "only the latest spike before counts"}
)
"""Which earlier spikes a spike is paired with."""
COINCIDENCES: Choices[tuple[bool, bool]] = Choices(
    "coincidence",
    {"potentiation": (True, False), "depression": (False, True), "both": (True, True), "neither": (False, False)},
)
"""Whether spikes of one step (dt = 0) count for potentiation, and for depression."""
BATCHES: Choices[str] = Choices(
    "batch", {"mean": "over the samples", "sum": "over the samples", "max-abs": "the sample's that is largest in size"}
)
"""How the changes that the samples of a batch ask for become one."""
TIMES: Choices[str] = Choices("time", {"sum": "over the steps", "mean": "over the steps"})
"""How the changes of the steps become one."""
POWER = MappingProxyType({"dependence": ("power",)})
"""Where exponents have an effect."""
TIMED = MappingProxyType({"decay_plus": (None,), "decay_minus": (None,)})
"""Where a time constant is converted."""
LARGEST_WEIGHT = 1e6
"""Largest size of amplitudes and of bounds of weights, beyond which single precision is of no use."""
P = ParamSpec("P")
T = TypeVar("T")


def _renamed(method: Callable[P, T]) -> Callable[P, T]:
    """Let a method take `modulation`, as its argument `third_factor` was called before."""

    @functools.wraps(method)
    def call(*arguments: Any, **named: Any) -> T:
        if "modulation" in named:
            warnings.warn("modulation: is now called third_factor", DeprecationWarning, stacklevel=2)
            named["third_factor"] = named.pop("modulation")
        return method(*arguments, **named)

    return call


def weight_option(default: float | None, help: str) -> Any:
    """Declare a field in the unit of the weights, of either sign."""
    return option(default, help, least=-LARGEST_WEIGHT, most=LARGEST_WEIGHT)


class Amplitudes(NamedTuple):
    """Changes per pair and per triplet of spikes.

    `decay_x` and `decay_y` are those of the presynaptic and the postsynaptic trace that make a triplet of a pair.
    """

    pair_plus: float
    pair_minus: float
    triplet_plus: float = 0.0
    triplet_minus: float = 0.0
    decay_x: float = 0.0
    decay_y: float = 0.0


class Half(NamedTuple):
    """Signals whose product over the window is the potentiation, or the depression, of every weight."""

    post: Tensor
    pre: Tensor
    raw: bool
    """Whether `pre` are the presynaptic spikes as they are."""

    def of(self, sample: int) -> Half:
        """Return the signals of one sample, `[time, 1, ...]`."""
        return Half(self.post[:, sample : sample + 1], self.pre[:, sample : sample + 1], self.raw)


@dataclasses.dataclass(frozen=True, kw_only=True)
class STDP(Config, ABC):
    """Base of the rules whose changes are potentiation P at postsynaptic spikes and depression D at presynaptic ones.

    dW = f+(W) P - f-(W) D, with W as it was before the window. Subclasses name the amplitudes.
    """

    tau_plus: float | None = option(None, "time constant of the presynaptic trace, in steps", above=0, most=1e6)
    tau_minus: float | None = option(None, "time constant of the postsynaptic trace, in steps", above=0, most=1e6)
    decay_plus: float | None = option(None, "decay of the presynaptic trace per step, for tau_plus", least=0, most=1)
    decay_minus: float | None = option(None, "decay of the postsynaptic trace per step, for tau_minus", least=0, most=1)
    trace: str = option("exponential", "how a time constant becomes a decay", among=TRACES, where=TIMED)
    pairing: str = option("all", "which earlier spikes count", among=PAIRINGS)
    coincidence: str = option("potentiation", "what spikes of one step count for", among=COINCIDENCES)
    dependence: str = option("additive", "how the weight scales its changes", among=DEPENDENCES)
    mu_plus: float = option(1.0, "exponent of potentiation for dependence power", least=0, most=10, where=POWER)
    mu_minus: float = option(1.0, "exponent of depression for dependence power", least=0, most=10, where=POWER)
    weight_min: float | None = weight_option(None, "lower bound of the weights")
    weight_max: float | None = weight_option(None, "upper bound of the weights")
    batch: str = option("mean", "how the changes of a batch become one", among=BATCHES)
    time: str = option("sum", "how the changes of the steps become one", among=TIMES)

    default_taus: ClassVar[tuple[float, float]] = (20.0, 20.0)
    """The time constants where neither they nor decays are given."""

    def validate(self) -> None:
        for side in ("plus", "minus"):
            tau, decay = getattr(self, f"tau_{side}"), getattr(self, f"decay_{side}")
            if tau is not None and decay is not None:
                raise ConfigError(
                    f"tau_{side}: got {tau} beside decay_{side}={decay}, expected one of them; the other is None"
                )
            if tau is not None:
                decay_of(tau, self.trace, f"tau_{side}")
        if self.weight_min is not None and self.weight_max is not None:
            expected = f"below weight_max, which is {self.weight_max}"
            require(self.weight_min < self.weight_max, "weight_min", self.weight_min, expected)
        elif DEPENDENCES[self.dependence] is not None:
            missing = "weight_min" if self.weight_min is None else "weight_max"
            raise ConfigError(f"{missing}: got None, expected a number where dependence is {self.dependence!r}")

    @property
    @abstractmethod
    def amplitudes(self) -> Amplitudes:
        """The changes per pair and per triplet of spikes, and the decays of the traces of triplets."""

    @_renamed
    def window(
        self,
        weight: Tensor,
        pre: Tensor,
        post: Tensor,
        connection: Connection = LINEAR,
        third_factor: Tensor | None = None,
    ) -> Tensor:
        """Return the change of the weight that a window of spikes asks for, of the shape of `weight`.

        `pre` and `post` are spikes `[time, batch, ...]` as the connection says; no trace enters or leaves the window.
        `third_factor` multiplies the changes at each step: `[time, batch]`, or of the shape of `post` for each neuron
        (`reward_modulation`). The bounds do not act here but in `step`. Raises ConfigError where shapes do not fit.
        """
        with torch.no_grad():
            if not isinstance(connection, Connection):
                got = type(connection).__name__
                raise ConfigError(f"connection: got {got}, expected a connection; connection_of(layer) makes one")
            for name, signal in (("weight", weight), ("pre", pre), ("post", post)):
                finite_tensor(name, signal)
            connection.check(weight, pre, post)
            dtype = torch.promote_types(weight.dtype, torch.float32)
            pre, post = connection.arriving(pre.detach().to(dtype)), post.detach().to(dtype)
            strength = _strength(third_factor, post)
            halves = self._potentiation(pre, post, strength), self._depression(pre, post, strength)
            if self.batch != "max-abs":
                return self._change(weight, *halves, connection).mul_(self._scale(post)).to(weight.dtype)
            largest = torch.zeros_like(weight, dtype=dtype)
            for sample in range(post.shape[1]):
                plus, minus = (half.of(sample) for half in halves)
                change = self._change(weight, plus, minus, connection)
                largest = torch.where(change.abs() > largest.abs(), change, largest)
            return largest.mul_(self._scale(post)).to(weight.dtype)

    @_renamed
    def step(
        self,
        weight: Tensor,
        pre: Tensor,
        post: Tensor,
        connection: Connection = LINEAR,
        third_factor: Tensor | None = None,
        *,
        rate: float = 1.0,
    ) -> Tensor:
        """Return the weight after a window, within its bounds: clip(W + rate dW), `rate` at least 0."""
        rate = rate_of("rate", rate)
        change = self.window(weight, pre, post, connection, third_factor)
        return self.bounded(weight.detach() + rate * change)

    def bounded(self, weight: Tensor) -> Tensor:
        """Return the weight clipped to weight_min and weight_max, where these are given."""
        if self.weight_min is None and self.weight_max is None:
            return weight
        return weight.clamp(self.weight_min, self.weight_max)

    @_renamed
    def post_factor(self, post: Tensor, third_factor: Tensor | None = None) -> Tensor:
        """Return what, multiplied with the presynaptic spikes of each step, is the whole window: `[time, batch, ...]`.

        A+ y~ - A- y^, with y~ the trace of the postsynaptic spikes backwards in time and y^ forwards, divided by the
        batch and by the steps where the rule takes means. `connection.product(post_factor(post), pre, weight.shape)` is
        `window`, and added to a gradient at the layer's currents it shares the gradient's product.

        Raises ConfigError where the window is no such product: pairing "nearest", a weight dependence, batch "max-abs",
        or a gain of the presynaptic spikes.
        """
        require(self.pairing == "all", "pairing", self.pairing, "'all' for a factor of the postsynaptic spikes alone")
        additive = DEPENDENCES[self.dependence] is None
        require(additive, "dependence", self.dependence, "'additive' for a factor of the postsynaptic spikes alone")
        require(self.batch != "max-abs", "batch", self.batch, "'mean' or 'sum' for a factor of the postsynaptic spikes")
        check_trains("post", post)
        triplet = self.amplitudes.triplet_minus
        require(triplet == 0, "a3_minus", triplet, "0 for a factor of the postsynaptic spikes alone")
        with torch.no_grad():
            post = post.detach().to(torch.promote_types(post.dtype, torch.float32))
            strength = _strength(third_factor, post)
            plus, minus = self._potentiation(post, post, strength), self._depression(post, post, strength)
            return plus.post.sub_(minus.post).mul_(self._scale(post))

    @property
    def pre_decay(self) -> float:
        """The share of the presynaptic trace that stays after one step."""
        return self._decay(self.tau_plus, self.decay_plus, 0)

    @property
    def post_decay(self) -> float:
        """The share of the postsynaptic trace that stays after one step."""
        return self._decay(self.tau_minus, self.decay_minus, 1)

    def _decay(self, tau: float | None, decay: float | None, side: int) -> float:
        return decay_of(self.default_taus[side] if tau is None else tau, self.trace) if decay is None else decay

    def _potentiation(self, pre: Tensor, post: Tensor, strength: Tensor | None) -> Half:
        """Return the potentiation; over all pairs the trace of `pre` is moved to `post`, as its adjoint."""
        included, nearest = COINCIDENCES[self.coincidence][0], self.pairing == "nearest"
        by = self.amplitudes
        raised = post * self._gain(post, by.pair_plus, by.triplet_plus, by.decay_y)
        if strength is not None:
            raised *= strength
        if nearest:
            return Half(raised, forward_trace(pre, self.pre_decay, included=included, nearest=True), False)
        return Half(adjoint_trace(raised, self.pre_decay, included=included), pre, True)

    def _depression(self, pre: Tensor, post: Tensor, strength: Tensor | None) -> Half:
        included, nearest = COINCIDENCES[self.coincidence][1], self.pairing == "nearest"
        by = self.amplitudes
        left = forward_trace(post, self.post_decay, included=included, nearest=nearest)
        if strength is not None:
            left *= strength
        gain = self._gain(pre, by.pair_minus, by.triplet_minus, by.decay_x)
        return Half(left, pre * gain, False) if isinstance(gain, Tensor) else Half(left.mul_(gain), pre, True)

    def _gain(self, spikes: Tensor, pair: float, triplet: float, decay: float) -> Tensor | float:
        """Return the amplitude of each spike: A2 + A3 times the trace before it of its own neuron's spikes."""
        if triplet == 0:
            return pair
        before = forward_trace(spikes, decay, included=False, nearest=self.pairing == "nearest")
        return before.mul_(triplet).add_(pair)

    def _change(self, weight: Tensor, plus: Half, minus: Half, connection: Connection) -> Tensor:
        factors, shape = DEPENDENCES[self.dependence], weight.shape
        if factors is None and plus.raw and minus.raw:
            return connection.product(plus.post - minus.post, plus.pre, shape)
        up, down = (connection.product(half.post, half.pre, shape) for half in (plus, minus))
        if factors is None or self.weight_min is None or self.weight_max is None:
            return up - down
        bounds = Bounds(self.weight_min, self.weight_max, self.mu_plus, self.mu_minus)
        f_plus, f_minus = factors(weight.detach(), bounds)
        return f_plus * up - f_minus * down

    def _scale(self, post: Tensor) -> float:
        samples = post.shape[1] if self.batch == "mean" else 1
        return 1 / (samples * (post.shape[0] if self.time == "mean" else 1))


def _strength(factor: Tensor | None, post: Tensor) -> Tensor | None:
    """Return a third factor in a shape that broadcasts over `post`."""
    if factor is None:
        return None
    factor = finite_tensor("third_factor", factor)
    fits = factor.shape in (post.shape, post.shape[:2])
    expected = f"shape {list(post.shape[:2])}, [time, batch], or that of post, {list(post.shape)}"
    require(fits, "third_factor", list(factor.shape), expected)
    numbers = factor.detach().to(post.dtype)
    return numbers if numbers.ndim == post.ndim else numbers.view(*numbers.shape, *(1 for _ in post.shape[2:]))
