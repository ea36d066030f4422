"""A small vision transformer whose every linear layer but the first and the last reads activations."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor, nn

from sqnn.models.base import ModelConfig
from sqnn.models.classical.config import VisionTransformerConfig
from sqnn.models.classical.network import SourceClassifier
from sqnn.models.initial import reset_parameters
from sqnn.models.sizes import scaled

HEAD_WIDTH = 16
"""Channels of an attention head at width_multiplier 1."""
MLP_RATIO = 2
"""Width of a block's inner dense layer in widths of a token."""
POSITION_STD = 0.02
"""Standard deviation of the initial position embedding: that of the paper's published code."""


class PatchEmbedding(nn.Module):
    """Make a token of each patch and add its learned position: images to [batch, tokens, width]."""

    def __init__(self, config: VisionTransformerConfig, width: int) -> None:
        super().__init__()
        height, breadth = config.image_size
        tokens = (height // config.patch) * (breadth // config.patch)
        self.project = nn.Conv2d(config.in_channels, width, config.patch, config.patch)
        self.position = nn.Parameter(torch.zeros(tokens, width))
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, images: Tensor) -> Tensor:
        return self.dropout(self.project(images).flatten(2).transpose(1, 2) + self.position)


class Attention(nn.Module):
    """Self-attention of several heads, softmax(q k^T / sqrt d) v with d channels per head, on [batch, tokens, width].

    The input, the values v and the result of the heads pass an activation each.
    """

    def __init__(self, config: VisionTransformerConfig, width: int) -> None:
        super().__init__()
        self.split = (config.heads, width // config.heads)
        self.input_activation = config.make_activation(width, channel_axis=-1)
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))
        self.value_activation = config.make_activation(width, channel_axis=-1)
        self.output_activation = config.make_activation(width, channel_axis=-1)
        self.project = nn.Linear(width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        tokens = self.input_activation(tokens)
        query, key = self._heads(self.query(tokens)), self._heads(self.key(tokens))
        value = self._heads(self.value_activation(self.value(tokens)))
        scores = torch.matmul(query, key.transpose(-2, -1)) / math.sqrt(self.split[1])
        attended = torch.matmul(torch.softmax(scores, dim=-1), value).transpose(1, 2).flatten(2)
        return self.project(self.output_activation(attended))

    def _heads(self, tokens: Tensor) -> Tensor:
        """Split the channels: [batch, tokens, width] to [batch, heads, tokens, width / heads]."""
        return tokens.unflatten(-1, self.split).transpose(1, 2)


class Block(nn.Module):
    """x + attention(norm(x)), then x + dense(activation(dense(activation(norm(x))))), on [batch, tokens, width]."""

    def __init__(self, config: VisionTransformerConfig, width: int) -> None:
        super().__init__()
        inner = MLP_RATIO * width
        self.attention = nn.Sequential(nn.LayerNorm(width), Attention(config, width), nn.Dropout(config.dropout))
        self.dense = nn.Sequential(
            nn.LayerNorm(width),
            config.make_activation(width, channel_axis=-1),
            nn.Linear(width, inner),
            config.make_activation(inner, channel_axis=-1),
            nn.Linear(inner, width),
            nn.Dropout(config.dropout),
        )

    def forward(self, tokens: Tensor) -> Tensor:
        tokens = tokens + self.attention(tokens)
        return tokens + self.dense(tokens)


class VisionTransformer(SourceClassifier):
    """Patches become tokens, `depth` blocks mix them, and a linear classifier reads the norm of their mean.

    Source: Dosovitskiy et al., ICLR 2021, section 3.1. Deliberate differences: an activation before every linear layer,
    so that it can run on spikes; ReLU or QCFS for GELU; the mean of the tokens instead of a token for the class.
    """

    config_class: ClassVar[type[ModelConfig]] = VisionTransformerConfig
    parts: ClassVar[Mapping[str, str]] = {**SourceClassifier.parts, "embedding": "classical"}
    training_defaults: ClassVar[Mapping[str, str | float]] = {
        **SourceClassifier.training_defaults,
        "optimizer": "adamw",
        "learning_rate": 1e-3,
    }

    def __init__(self, config: VisionTransformerConfig, generator: torch.Generator | None = None) -> None:
        super().__init__(config)
        width = config.heads * scaled(HEAD_WIDTH, config.width_multiplier)
        self.embedding = PatchEmbedding(config, width)
        self.features = nn.Sequential(*(Block(config, width) for _ in range(config.depth)))
        self.classifier = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, config.num_classes))
        self.draw_weights(generator)

    def forward(self, images: Tensor, generator: torch.Generator | None = None) -> Tensor:
        return self.classifier(self.features(self.embedding(images)).mean(1))

    def _draw(self, generator: torch.Generator) -> None:
        reset_parameters(self, generator)
        nn.init.normal_(self.embedding.position, std=POSITION_STD, generator=generator)
