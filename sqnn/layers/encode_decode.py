"""A spiking block with real-valued ends."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sqnn.encoding import Decoder, Encoder


class EncodeDecode(nn.Module):
    """Turn a spiking block into one that maps real values to real values: y = decode(block(encode(range(x)))).

    `range` brings values `[batch, *features]` of any size into [0, 1], `encoder` makes spike trains
    `[time, batch, *features]` of them, `block` maps trains to trains, `decoder` adds its steps up to
    `[batch, *features]`. The gradient passes the encoder by the encoder's surrogate. Nothing looks at other samples of
    the batch, unless the block itself does (a batch norm in training).

    Random encoders draw from the `generator` passed to `forward`.

    Source: HAS-8, arXiv 2509.24411 ("encode-decode structure"). There the values are rescaled by the smallest and the
    largest of the batch, so that a prediction depends on the rest of its batch; here by a range of the network.
    """

    def __init__(self, block: nn.Module, encoder: Encoder, decoder: Decoder, range: nn.Module) -> None:
        super().__init__()
        self.range = range
        self.encoder = encoder
        self.block = block
        self.decoder = decoder

    def forward(self, values: Tensor, generator: torch.Generator | None = None) -> Tensor:
        spikes = self.encoder.emit(self.range(values), generator)
        return self.decoder(self.block(spikes))
