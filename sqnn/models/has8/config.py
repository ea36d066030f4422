"""Every choice of the layer-wise hybrid networks."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from sqnn.core import option, require, require_one_of
from sqnn.encoding import (
    DECODERS,
    ENCODERS,
    PLAIN_SURROGATES,
    PLANE_SURROGATES,
    RANGES,
    RESCALINGS,
    Encoder,
    PlaneSurrogate,
    SigmoidSine,
    TanhSine,
    make_encoder,
)
from sqnn.models.base import ModelConfig
from sqnn.models.sizes import MIN_SIZE
from sqnn.neurons import BETA_MARGIN, MIN_THRESHOLD, NEURONS, RESETS, SURROGATES

TWINS: tuple[str, ...] = ("ann", "snn")
"""Networks of one kind, widened until they have as many parameters as the hybrid."""
VARIANTS: tuple[str, ...] = ("hybrid", *TWINS, "no-snn", "no-ann")
STEEP_SURROGATES: Mapping[str, Callable[[float], PlaneSurrogate]] = MappingProxyType(
    {"sigmoid-sine": SigmoidSine, "tanh-sine": TanhSine}
)
"""Surrogates that have an alpha, made from it."""
MAX_WIDTH = 65_536
"""Most channels of a convolution: two of them have more weights than memory holds."""
MAX_DEPTH = 64
"""Most convolutions, stages or blocks of a stage."""
MAX_ALPHA = 1e3
"""Steepest surrogate: a thousandth of a half period wide, beyond which hardly any value has a gradient."""
BIT_CODES = ("bitplane", "phase")
"""Encodings whose steps are binary digits: the smooth surrogates are theirs."""


@dataclass(frozen=True, kw_only=True)
class HAS8Config(ModelConfig):
    """What the two forms share. Raises ConfigError, naming the field, on a value that builds no network.

    Variants: `hybrid` has both branches in every stage. `ann` and `snn` are its twins of one kind, all widths scaled by
    one factor until they have as many parameters, as close as whole widths allow; `snn` encodes the image once, and
    spikes travel to the last stage. `no-snn` and `no-ann` are the hybrid without a branch, for ablations: nothing is
    widened.
    """

    variant: str = option("hybrid", f"what to build: {', '.join(VARIANTS)}")
    encoding: str = option("bitplane", f"how pixels become spikes: {', '.join(ENCODERS)}")
    timesteps: int = option(8, "steps of the spiking branches: the bit planes of the bitplane encoding")
    encoding_surrogate: str | None = option(
        None,
        f"gradient of the encoding: {', '.join(PLANE_SURROGATES)}; rate and latency have the last two "
        "(default: sigmoid-sine for bits, straight-through for others)",
    )
    encoding_alpha: float = option(1.0, "steepness of sigmoid-sine and tanh-sine at an edge; the paper has 10")
    rescaling: str = option("order", f"weights of the planes' gradients: {', '.join(RESCALINGS)}")
    encoding_range: str = option("running", f"how inner values are brought into [0, 1]: {', '.join(RANGES)}")
    decoding: str | None = option(
        None, f"how spikes become values: {', '.join(DECODERS)} (default: rate for the variant snn, weight for others)"
    )
    neuron: str = option("lif", f"neuron model: {', '.join(NEURONS)}")
    beta: float = option(0.9, "decay of a lif neuron per step, in (0, 1)")
    learn_beta: bool = option(False, "learn one decay per channel (lif only)")
    threshold: float = option(1.0, "firing threshold")
    learn_threshold: bool = option(False, "learn one threshold per channel")
    reset: str = option("subtract", f"what a spike does to the membrane: {', '.join(RESETS)}")
    detach_reset: bool = option(False, "keep the gradient from flowing through the reset")
    initial_membrane: float = option(0.5, "membrane at the first step, in thresholds")
    surrogate: str = option("atan", f"surrogate gradient: {', '.join(SURROGATES)}")

    def validate(self) -> None:
        super().validate()
        for name, valid in (
            ("variant", VARIANTS),
            ("encoding", ENCODERS),
            ("rescaling", RESCALINGS),
            ("encoding_range", RANGES),
            ("decoding", DECODERS),
            ("neuron", NEURONS),
            ("reset", RESETS),
            ("surrogate", SURROGATES),
        ):
            require_one_of(name, self.decoder if name == "decoding" else getattr(self, name), valid)
        require(min(self.image_size) >= MIN_SIZE, "image_size", self.image_size, f"at least {MIN_SIZE} x {MIN_SIZE}")
        require(0 < self.beta < 1, "beta", self.beta, "a decay strictly between 0 and 1")
        require(self.threshold > 0, "threshold", self.threshold, "a positive threshold")
        learned = BETA_MARGIN < self.beta < 1 - BETA_MARGIN
        require(learned or not self.learn_beta, "beta", self.beta, f"at least {BETA_MARGIN:g} from 0 and 1 if learned")
        learned = self.threshold > MIN_THRESHOLD
        require(learned or not self.learn_threshold, "threshold", self.threshold, f"above {MIN_THRESHOLD:g} if learned")
        require(not self.learn_beta or self.neuron == "lif", "learn_beta", True, "neuron lif (an if has no decay)")
        require(self.timesteps >= 1, "timesteps", self.timesteps, "at least 1")
        alpha = self.encoding_alpha
        require(0 < alpha <= MAX_ALPHA, "encoding_alpha", alpha, f"a positive steepness of at most {MAX_ALPHA:g}")
        given = self.encoding_surrogate
        fits = given is None or self.encoding != "direct"
        require(fits, "encoding_surrogate", given, "none with direct, whose currents are the values themselves")
        chosen = self.gradient_surrogate
        known = tuple(PLANE_SURROGATES) if self.encoding in BIT_CODES else PLAIN_SURROGATES
        require(chosen in known, "encoding_surrogate", chosen, f"one of {', '.join(known)} for {self.encoding}")
        try:
            self.make_encoder()
        except ValueError as error:
            require(False, "timesteps", self.timesteps, f"what the encoding takes ({error})")

    @property
    def decoder(self) -> str:
        """Name of the decoder: digits are weighed, but behind a whole network of neurons no digits are left."""
        if self.decoding is not None:
            return self.decoding
        return "rate" if self.variant == "snn" else "weight"

    @property
    def gradient_surrogate(self) -> str:
        """Name of the surrogate by which gradients pass the encoders."""
        if self.encoding_surrogate is not None:
            return self.encoding_surrogate
        return "sigmoid-sine" if self.encoding in BIT_CODES else "straight-through"

    def make_encoder(self) -> Encoder:
        """Build one encoder as chosen; ValueError where it refuses the number of steps."""
        if self.encoding == "direct":
            return make_encoder(self.encoding, self.timesteps)
        name = self.gradient_surrogate
        if self.encoding not in BIT_CODES:
            return make_encoder(self.encoding, self.timesteps, surrogate=name)
        # Neurons answer with spikes of height 1, which a decoder weighs by their place: the phase code sends such too.
        bare = {"weighted": False} if self.encoding == "phase" else {}
        surrogate = STEEP_SURROGATES[name](self.encoding_alpha) if name in STEEP_SURROGATES else name
        return make_encoder(self.encoding, self.timesteps, surrogate=surrogate, rescaling=self.rescaling, **bare)


def _positive(config: ModelConfig, *names: str) -> None:
    for name in names:
        require(getattr(config, name) >= 1, name, getattr(config, name), "at least 1")


def _bounded(width: int, multiplier: int, steps: int) -> None:
    # Logarithms: the power itself may be too long a number to print.
    fits = math.log2(width) + steps * math.log2(multiplier) <= math.log2(MAX_WIDTH)
    require(fits, "width", width, f"at most {MAX_WIDTH:,} channels behind the last factor of {multiplier}")


@dataclass(frozen=True, kw_only=True)
class HAS8VGGConfig(HAS8Config):
    """Choices of `has8-vgg`; the defaults are the paper's small form.

    Widths are in_channels x 16 x 2^i for i = 0 .. 4.
    """

    width: int = option(16, "channels of the first convolution for each input channel; the paper has 16 and 24")
    multiplier: int = option(2, "factor from the width of a convolution to that of the next")
    depth: int = option(4, "convolutions after the first")
    hidden: tuple[int, ...] = option((1024, 512), "widths of the dense layers before the classifier")

    def validate(self) -> None:
        super().validate()
        _positive(self, "width", "multiplier")
        require(0 <= self.depth <= MAX_DEPTH, "depth", self.depth, f"at least 0 and at most {MAX_DEPTH}")
        _bounded(self.in_channels * self.width, self.multiplier, self.depth)
        require(all(width > 0 for width in self.hidden), "hidden", self.hidden, "positive widths")


@dataclass(frozen=True, kw_only=True)
class HAS8ResNetConfig(HAS8Config):
    """Choices of `has8-resnet`; the defaults are the paper's small form (width 32, multiplier 2, depth 4)."""

    width: int = option(32, "channels of the first stage; the paper has 32 and 64")
    multiplier: int = option(2, "factor from the width of a stage to that of the next")
    depth: int = option(4, "stages of residual blocks")
    stage_blocks: int = option(2, "residual blocks of each stage")

    def validate(self) -> None:
        super().validate()
        _positive(self, "width", "multiplier", "depth", "stage_blocks")
        require(self.depth <= MAX_DEPTH, "depth", self.depth, f"at most {MAX_DEPTH}")
        require(self.stage_blocks <= MAX_DEPTH, "stage_blocks", self.stage_blocks, f"at most {MAX_DEPTH}")
        _bounded(self.width, self.multiplier, self.depth - 1)
