"""Every choice of the layer-wise networks."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from sqnn.core import Choices, ConfigError, option, require
from sqnn.encoding import (
    DECODERS,
    ENCODERS,
    PLANE_SURROGATES,
    RANGES,
    RESCALINGS,
    Encoder,
    StraightThrough,
)
from sqnn.models.base import ModelConfig
from sqnn.models.sizes import MIN_SIZE
from sqnn.neurons import NEURONS, NeuronConfig

MAX_WIDTH = 65_536
"""Most channels of a convolution: two of them have more weights than memory holds."""
MAX_DEPTH = 64
"""Most convolutions, stages or blocks of a stage."""
MAX_ALPHA = 1000
"""Steepest surrogate: a thousandth of a half period wide, beyond which hardly any value has a gradient."""


@dataclass(frozen=True)
class Variant:
    """Which branches the stages have; a `twin` is widened until it has as many parameters as the hybrid.

    With `one_train` the image is encoded once, and spikes travel from the first stage to the last.
    """

    ann: bool = True
    snn: bool = True
    twin: bool = False
    one_train: bool = False


VARIANTS: Choices[Variant] = Choices(
    "variant",
    {
        "hybrid": Variant(),
        "ann": Variant(snn=False, twin=True),
        "snn": Variant(ann=False, twin=True, one_train=True),
        "no-snn": Variant(snn=False),
        "no-ann": Variant(ann=False),
    },
)
TWINS: tuple[str, ...] = tuple(name for name, variant in VARIANTS.items() if variant.twin)
"""Networks of one kind, widened until they have as many parameters as the hybrid."""


@dataclass(frozen=True, kw_only=True)
class EncodingConfig(ModelConfig):
    """What is built, and how values pass into spikes and back."""

    smallest_side: ClassVar[int] = MIN_SIZE

    variant: str = option("hybrid", "what to build", among=VARIANTS)
    encoding: str = option("bitplane", "how pixels become spikes", among=ENCODERS)
    timesteps: int = option(8, "steps of the spiking branches: the bit planes of the bitplane encoding", least=1)
    encoding_surrogate: str | None = option(
        None,
        "gradient of the encoding, of which rate and latency have the last two "
        "(default: sigmoid-sine for bits, straight-through for others)",
        among=PLANE_SURROGATES,
    )
    encoding_alpha: float = option(
        1.0, "steepness of sigmoid-sine and tanh-sine at an edge; the paper has 10", above=0, most=MAX_ALPHA
    )
    rescaling: str = option("order", "weights of the planes' gradients", among=RESCALINGS)
    encoding_range: str = option("running", "how inner values are brought into [0, 1]", among=RANGES)
    decoding: str | None = option(
        None, "how spikes become values (default: rate for the variant snn, weight for others)", among=DECODERS
    )

    def validate(self) -> None:
        super().validate()
        kind, surrogate = ENCODERS[self.encoding], self.encoding_surrogate
        if not kind.surrogates:
            why = f"none with {self.encoding}, whose currents are the values themselves"
            require(surrogate is None, "encoding_surrogate", surrogate, why)
        elif surrogate is not None:
            fitting = f"one of {', '.join(kind.surrogates)} for {self.encoding}"
            require(surrogate in kind.surrogates, "encoding_surrogate", surrogate, fitting)
        try:
            self.make_encoder()
        except ValueError as error:
            raise ConfigError(f"{error} (encoding {self.encoding})") from error

    @property
    def decoder(self) -> str:
        """Name of the decoder: digits are weighed, but after a whole network of neurons no digits are left."""
        if self.decoding is not None:
            return self.decoding
        return "rate" if VARIANTS[self.variant].one_train else "weight"

    @property
    def gradient_surrogate(self) -> str:
        """Name of the surrogate by which gradients pass the encoders."""
        return self.encoding_surrogate or next(iter(ENCODERS[self.encoding].surrogates), StraightThrough.name)

    def make_encoder(self) -> Encoder:
        """Build one encoder as chosen; ValueError where it refuses the number of steps."""
        kind = ENCODERS[self.encoding]
        # Neurons answer with spikes of height 1, which a decoder weighs by their place.
        options: dict[str, object] = dict(kind.unit_height)
        if kind.surrogates:
            options["surrogate"] = PLANE_SURROGATES[self.gradient_surrogate].of_steepness(self.encoding_alpha)
        if kind.digits:
            options["rescaling"] = self.rescaling
        return kind(self.timesteps, **options)


@dataclass(frozen=True, kw_only=True)
class HAS8Config(NeuronConfig, EncodingConfig):
    """What the two forms share. Raises ConfigError, naming the field, on a value that builds no network.

    Variants: `hybrid` has both branches in every stage. `ann` and `snn` are its twins of one kind, all widths scaled by
    one factor until they have as many parameters, as close as whole widths allow; `snn` encodes the image once, and
    spikes travel to the last stage. `no-snn` and `no-ann` are the hybrid without a branch, for ablations: nothing is
    widened.
    """

    neuron: str = option("lif", "neuron model", among=NEURONS)


def _bounded(width: int, multiplier: int, steps: int) -> None:
    # Logarithms: the power itself may be too long a number to print.
    fits = math.log2(width) + steps * math.log2(multiplier) <= math.log2(MAX_WIDTH)
    require(fits, "width", width, f"at most {MAX_WIDTH:,} channels after the last factor of {multiplier}")


@dataclass(frozen=True, kw_only=True)
class HAS8VGGConfig(HAS8Config):
    """Choices of `has8-vgg`; the defaults are the paper's small form.

    Widths are in_channels x 16 x 2^i for i = 0 .. 4.
    """

    width: int = option(
        16, "channels of the first convolution for each input channel; the paper has 16 and 24", least=1
    )
    multiplier: int = option(2, "factor from the width of a convolution to that of the next", least=1)
    depth: int = option(4, "convolutions after the first", least=0, most=MAX_DEPTH)
    hidden: tuple[int, ...] = option((1024, 512), "widths of the dense layers before the classifier", least=1)

    def validate(self) -> None:
        super().validate()
        _bounded(self.in_channels * self.width, self.multiplier, self.depth)


@dataclass(frozen=True, kw_only=True)
class HAS8ResNetConfig(HAS8Config):
    """Choices of `has8-resnet`; the defaults are the paper's small form (width 32, multiplier 2, depth 4)."""

    width: int = option(32, "channels of the first stage; the paper has 32 and 64", least=1)
    multiplier: int = option(2, "factor from the width of a stage to that of the next", least=1)
    depth: int = option(4, "stages of residual blocks", least=1, most=MAX_DEPTH)
    stage_blocks: int = option(2, "residual blocks of each stage", least=1, most=MAX_DEPTH)

    def validate(self) -> None:
        super().validate()
        _bounded(self.width, self.multiplier, self.depth - 1)
