"""Linear layers and batch norms whose biases are spread over the time steps."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn


def spread_linear(layer: nn.Module, timesteps: int) -> nn.Module:
    """Return a layer with the same weight tensor and a T-th of the bias: sum_t f_c(x_t) = f(sum_t x_t)."""
    spread: Any = copy.copy(layer)
    spread._parameters = dict(layer._parameters)
    if spread.bias is not None:
        spread.bias = nn.Parameter(spread.bias.detach() / timesteps, requires_grad=False)
    return spread  # type: ignore[no-any-return]


def spread_batch_norm(norm: nn.Module, timesteps: int) -> nn.Module:
    """Return a batch norm with the shifted bias beta_c = beta / T + (1 - 1/T) gamma mu / sqrt(var + eps).

    Then sum_t BN_c(z_t) = BN(sum_t z_t) with the running statistics mu and var.

    Source: Datta et al., "When SNN meets ANN", Proposition I as its proof has it (the printed statement divides by
    beta instead of the deviation).
    """
    spread: Any = copy.deepcopy(norm)
    gamma = torch.ones_like(spread.running_mean) if spread.weight is None else spread.weight.detach()
    beta = torch.zeros_like(spread.running_mean) if spread.bias is None else spread.bias.detach()
    mean_share: Tensor = gamma * spread.running_mean / torch.sqrt(spread.running_var + spread.eps)
    spread.affine = True
    spread.weight = nn.Parameter(gamma.clone(), requires_grad=False)
    spread.bias = nn.Parameter(beta / timesteps + (1 - 1 / timesteps) * mean_share, requires_grad=False)
    return spread  # type: ignore[no-any-return]
