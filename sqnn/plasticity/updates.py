"""The callback of the training loop that carries out adaptive STDP."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import lightning.pytorch as pl
import torch
from torch import Tensor
from torch.optim import Optimizer

from sqnn.encoding import SparseTrains
from sqnn.plasticity.coupling import Coupled, weight_product
from sqnn.plasticity.errors import RunawayError
from sqnn.plasticity.homeostasis import firing_rates, heterosynaptic_decay
from sqnn.plasticity.sites import Site

if TYPE_CHECKING:
    from sqnn.plasticity.adaptive import AdaptiveSTDP

KEPT = 0.95
"""Share of a neuron's coefficient that is kept per batch."""
MEASURED_EVERY = 32
"""Batches after which gradient and local update are products of their own once, to compare their norms."""
RATE_KEPT = 0.9
"""Share of the running mean of the firing rate that is kept per batch."""
WARM_UP = 20
"""Batches before that mean is first compared with `largest_rate`."""


@dataclass
class _Layer:
    """A spiking layer in training: what passes through it, and what is remembered from batch to batch."""

    site: Site
    coefficients: Tensor | None = None
    ratio: float | None = None
    """|g| / |diag(c) L| when both were last measured, for `through`."""
    rate: float = 0.0
    before: Tensor | None = None
    factor: Tensor | None = None
    """What is taken from the gradient of the batch by the currents, once it is known."""
    coupled: Coupled | None = None
    batches: int = 0

    def state(self) -> dict[str, Any]:
        return {
            "coefficients": self.coefficients,
            "ratio": self.ratio,
            "rate": self.rate,
            "batches": self.batches,
        }

    def restore(self, state: dict[str, Any]) -> None:
        self.coefficients, self.ratio = state["coefficients"], state["ratio"]
        self.rate, self.batches = state["rate"], state["batches"]


class AdaptiveUpdates(pl.Callback):
    """Watch the spiking layers during every training batch, and change their weights as the rule says."""

    def __init__(self, rule: AdaptiveSTDP) -> None:
        self.rule = rule
        self.layers: list[_Layer] = []
        self._stored: dict[str, dict[str, Any]] = {}
        self._decay = 1.0

    def state_dict(self) -> dict[str, Any]:
        return {layer.site.path: layer.state() for layer in self.layers}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._stored = state_dict

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        model: Any = pl_module.model
        self.layers = [_Layer(site) for site in self.rule.sites(model)]
        for layer in self.layers:
            if layer.site.path in self._stored:
                layer.restore(self._stored[layer.site.path])

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._decay = self.rule.decay(trainer.current_epoch)

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: object, batch_idx: int
    ) -> None:
        for layer in self.layers:
            layer.site.watch()
            fused = layer.batches % MEASURED_EVERY and layer.ratio is not None
            if self.rule.coupling == "through" and fused:
                layer.coupled = Coupled(
                    layer.site.layer, partial(self._factor, layer), 1 if layer.site.recurrent else 0
                )
                layer.coupled.attach()

    def on_before_optimizer_step(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, optimizer: Optimizer
    ) -> None:
        for layer in self.layers:
            weight = layer.site.layer.weight
            if not layer.site.passed or weight.grad is None:
                continue
            if self.rule.coupling == "beside":
                layer.before = weight.detach().clone()
            elif self.rule.coupling == "through" and layer.coupled is None:
                local = self._local(layer)
                layer.ratio = _ratio(weight.grad, local)
                weight.grad.sub_(local, alpha=self._decay * self.rule.rho * layer.ratio)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: object, batch: object, batch_idx: int
    ) -> None:
        rates = []
        for layer in self.layers:
            if not layer.site.passed:
                continue
            self._move(layer)
            self._modulate(layer)
            spikes = layer.site.spikes_out
            rates.append(float(spikes.mean()))
            layer.rate = RATE_KEPT * layer.rate + (1 - RATE_KEPT) * rates[-1] if layer.batches else rates[-1]
            layer.batches += 1
        self._release()
        if rates:
            pl_module.log("train_rate", sum(rates) / len(rates), on_step=False, on_epoch=True)
        for layer in self.layers:
            if layer.batches > WARM_UP and layer.rate > self.rule.largest_rate:
                raise RunawayError(
                    f"runaway: the neurons after {layer.site.path} fire {layer.rate:.2f} spikes per step, above "
                    f"largest_rate ({self.rule.largest_rate:g}), in epoch {trainer.current_epoch + 1}; lower rho (or "
                    "eta1) or a_plus"
                )

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        self._release()

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._release()

    def _release(self) -> None:
        """Take everything off the network."""
        for layer in self.layers:
            layer.site.release()
            layer.before = layer.factor = None
            if layer.coupled is not None:
                layer.coupled.detach()
                layer.coupled = None

    def _local(self, layer: _Layer) -> Tensor:
        """diag(c) L of the batch, shaped as the weights."""
        site = layer.site
        spikes, weight = site.spikes_in, site.layer.weight.detach()
        if isinstance(spikes, SparseTrains) and self.rule.one_product:
            update = weight_product(site.layer, self.rule.post_factor(site.spikes_out), spikes)
        else:
            pre = spikes.dense(weight.dtype) if isinstance(spikes, SparseTrains) else spikes
            update = self.rule.window(weight, pre, site.spikes_out, site.connection)
        return update if layer.coefficients is None else update * _along(layer.coefficients, update, 0)

    def _factor(self, layer: _Layer) -> Tensor | None:
        """kappa' diag(c) times the post factor of the batch: what is taken from the gradient by the currents."""
        if layer.factor is not None or layer.ratio is None:
            return layer.factor
        factor = self.rule.post_factor(layer.site.spikes_out)
        if layer.coefficients is not None:
            factor = factor * _along(layer.coefficients, factor, 2)
        layer.factor = factor.mul_(self._decay * self.rule.rho * layer.ratio)
        return layer.factor

    @torch.no_grad()
    def _move(self, layer: _Layer) -> None:
        """Change the weights after the optimiser: by the local update, by heterosynaptic decay, and to their bounds."""
        weight = layer.site.layer.weight
        if self.rule.coupling == "literal":
            weight.add_(self._local(layer), alpha=self._decay * self.rule.eta1)
        elif layer.before is not None:
            local = self._local(layer)
            weight.add_(local, alpha=self._decay * self.rule.rho * _ratio(weight - layer.before, local))
        if self.rule.heterosynaptic:
            rates = firing_rates(layer.site.spikes_out, per_channel=True)
            weight.add_(heterosynaptic_decay(weight, rates, self.rule.heterosynaptic))
        bounded = self.rule.bounded(weight)
        if bounded is not weight:
            weight.copy_(bounded)

    def _modulate(self, layer: _Layer) -> None:
        """Move the coefficients of the neurons towards phi(z) of the gradient that reached them."""
        if self.rule.modulation == "constant":
            return
        error = layer.site.error.sum(0)
        reached = (error.flatten(2).sum(2) if error.ndim > 2 else error).abs().mean(0)
        mean = reached.mean()
        share = reached / mean if float(mean) > 0 else torch.ones_like(reached)
        kept = torch.ones_like(share) if layer.coefficients is None else layer.coefficients
        layer.coefficients = KEPT * kept + (1 - KEPT) * target_of(self.rule.modulation, share)


def _ratio(one: Tensor, other: Tensor) -> float:
    """|one| / |other|, 0 where the other vanishes."""
    size = float(other.norm())
    return float(one.norm()) / size if size > 0 else 0.0


def _along(values: Tensor, like: Tensor, dimension: int) -> Tensor:
    """Shape [neurons] so that it broadcasts along a dimension of another tensor."""
    return values.view(-1, *(1 for _ in like.shape[dimension + 1 :]))


def target_of(modulation: str, share: Tensor) -> Tensor:
    """Return phi(z) of each neuron: 1, z or 2 / (1 + z)."""
    if modulation == "follow":
        return share
    return 2 / (1 + share) if modulation == "protect" else share.new_ones(share.shape)
