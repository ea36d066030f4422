"""The spiking network that a conversion makes."""

from __future__ import annotations

import copy
import html
import math
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, fx, nn
from torch.utils._pytree import tree_leaves, tree_structure, tree_unflatten

from sqnn.conversion.codes import Conversion, digits
from sqnn.conversion.graph import (
    CHANNELS_LAST,
    DATA,
    SHAPES,
    Role,
    Watcher,
    fits,
    require_steps,
    role_of,
    run_steps,
    source_levels,
)
from sqnn.core import Choices, ConfigError
from sqnn.encoding import check_images
from sqnn.models import ModelConfig, check_batch

ORDERS: Choices[str] = Choices(
    "order", {"layer": "layer after layer", "step": "step after step", "fused": "each layer once, on summed planes"}
)
"""Orders of execution."""


class SpikingNetwork(nn.Module):
    """A converted network: values [batch, ...] in, values [batch, ...] out, spikes in between.

    Three orders of execution give the same numbers but for rounding:

    - `layer`: all T steps of a layer, then the next layer; the steps stand one after the other in one large batch, and
      a T-th of the images goes through at a time.
    - `step`: the whole network at step 1, then at step 2, ...; only for neurons that fire while they integrate, since a
      postponed neuron needs all its input first.
    - `fused`: every layer acts once, on summed planes, which is what the source network computes: its own layers run,
      and spikes are read off its levels. Bit for bit the source's output in every precision; whole plane codes only.

    Nothing is remembered from call to call, and spikes have no gradient. `spiking` is the graph of the converted
    network, `source` that of the network it came from; they share the weights of linear layers. `sites` maps the nodes
    of `spiking` that are neurons to the paths of the activations that they stand for. `name` is the source's name in
    `sqnn.models.MODELS`, None where it is not one of these.
    """

    parts: ClassVar[Mapping[str, str]] = {"source": "spiking"}

    def __init__(
        self,
        spiking: fx.GraphModule,
        source: fx.GraphModule,
        how: Conversion,
        sites: Mapping[str, str],
        config: ModelConfig | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__()
        self.spiking = spiking
        self.source = source
        self.how = how
        self.sites = dict(sites)
        self.config = config
        self.name = name
        self.order = "layer"
        # Pickling loses what graphs and nodes note, and these are read in every pass.
        self._shapes: set[tuple[int, ...]] = source.meta[SHAPES]
        self._channels_last = bool(source.meta[CHANNELS_LAST])
        self._depends = _depends(source)
        self.requires_grad_(False).eval()

    def __getstate__(self) -> dict[str, Any]:
        """Return what is pickled; a graph is traced anew from its code where it is read, and names its nodes anew."""
        return {**self.__dict__, "_names": [node.name for node in self.spiking.graph.nodes]}

    def __setstate__(self, state: dict[str, Any]) -> None:
        names = state.pop("_names")
        super().__setstate__(state)
        now = {before: node.name for before, node in zip(names, self.spiking.graph.nodes, strict=True)}
        self.sites = {now[node]: path for node, path in self.sites.items()}

    @property
    def timesteps(self) -> int:
        """Time steps that a neuron sends spikes in."""
        return self.how.code.timesteps

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of an image that the network was converted for, one where there are several."""
        return min(self._shapes)

    @property
    def thresholds(self) -> dict[str, Tensor]:
        """Thresholds of the neurons, `[]` or `[channels]`, by the paths of the activations that they stand for."""
        targets = {node.name: str(node.target) for node in self.spiking.graph.nodes}
        return {path: self.spiking.get_buffer(f"{targets[name]}.threshold") for name, path in self.sites.items()}

    @property
    def layers(self) -> int:
        """Number of linear layers, calls of one and the same counted each."""
        return sum(role_of(self.source, node) is Role.WEIGHTS for node in self.source.graph.nodes)

    def __repr__(self) -> str:
        name = self.name or type(self.source).__name__
        return (
            f"SpikingNetwork({name}: {self.how.method}, {self.timesteps} time steps, {self.layers} linear layers, "
            f"{len(self.sites)} layers of neurons, order {self.order})"
        )

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{path}</td><td>{'one per channel' if threshold.ndim else f'{threshold.item():.4g}'}</td></tr>"
            for path, threshold in self.thresholds.items()
        )
        title = html.escape(repr(self))
        return f"<p>{title}</p><table><tr><th>neurons</th><th>threshold</th></tr>{rows}</table>"

    def learned_parameters(self) -> Iterator[tuple[str, nn.Parameter]]:
        """Give the parameters of the source by name; frozen here, they are what `sqnn.metrics.count` counts."""
        return self.source.named_parameters(prefix="source")

    def train(self, mode: bool = True) -> SpikingNetwork:
        """Stay in evaluation mode: norms and dropout of a converted network are fixed."""
        return super().train(False)

    def using(self, order: str) -> SpikingNetwork:
        """Return the same network executed in another order; ConfigError where its neurons or sums do not allow it."""
        ORDERS.pick(order, error=ConfigError)
        if order == "step" and self.how.postponed:
            raise ConfigError(
                "order: got 'step', but postponed neurons fire only when all their input is there; use 'layer', or "
                "convert with postponed=False, or by rates"
            )
        if order == "fused" and self.how.fold_batch_norm:
            raise ConfigError("order: got 'fused', which runs the source's own layers; convert without fold_batch_norm")
        if order == "fused" and not self.how.exact:
            raise ConfigError("order: got 'fused', which needs the exact conversion with all its planes; use 'layer'")
        if order == "step":
            require_steps(self.spiking)
        other = copy.copy(self)
        other.order = order
        return other

    @torch.no_grad()
    def forward(self, images: Tensor, generator: torch.Generator | None = None) -> Any:
        images = self.fitted(images)
        if self.order == "fused":
            return self.source(images)
        if self.order == "step":
            return run_steps(self.spiking, images, self.timesteps)[0]
        # A T-th of the batch at a time: with all its steps it needs no more memory than the source does for the whole.
        outputs = [self.spiking(part) for part in images.split(max(1, math.ceil(len(images) / self.timesteps)))]
        return _joined(outputs, self._depends)

    @torch.no_grad()
    def record(self, images: Tensor) -> tuple[Any, dict[str, Tensor]]:
        """Return the output and, by the path of the activation, the spikes: bool [timesteps, batch, ...]."""
        images = self.fitted(images)
        if self.order == "fused":
            output, levels = source_levels(self.source, images)
            return output, {path: digits(values, self.timesteps) for path, values in levels.items()}
        trains: dict[str, Tensor] = {}
        if self.order == "step":
            output, trains = run_steps(self.spiking, images, self.timesteps, record=self.sites)
        else:

            def see(node: str, train: Tensor) -> None:
                trains[node] = train != 0

            output = Watcher(self.spiking, self.sites, see).run(images)
        return output, {
            path: trains[node].bool().unflatten(0, (self.timesteps, -1)) for node, path in self.sites.items()
        }

    def fitted(self, images: Tensor) -> Tensor:
        """Return the images in the precision of the weights, which may be double for a proof, and in their layout.

        Raises ValueError where they are not such as the source takes.
        """
        if not isinstance(images, Tensor) or not images.is_floating_point():
            kind = images.dtype if isinstance(images, Tensor) else type(images).__name__
            raise ValueError(f"images: got {kind}, expected a tensor of floating point numbers")
        if not torch.isfinite(images).all():
            raise ValueError("images: got NaN or infinite values, expected finite ones")
        if self.config is not None:
            check_batch(images, self.config, images.dtype)
            check_images(images)
        elif tuple(images.shape[1:]) not in self._shapes and not fits(self.source, images):
            taken = " or ".join(str(list(shape)) for shape in sorted(self._shapes))
            raise ValueError(
                f"images: got shape {list(images.shape)}, expected images of shape {taken}, for which the network was "
                "converted: on others it computes something else; convert(model, images=images)"
            )
        images = images.to(next(self.parameters()).dtype)
        return images.contiguous(memory_format=torch.channels_last) if self._channels_last else images


def _depends(source: fx.GraphModule) -> list[bool]:
    """Say for every part of the output whether it depends on the images."""
    (last,) = (node for node in source.graph.nodes if node.op == "output")
    return [isinstance(item, fx.Node) and bool(item.meta.get(DATA)) for item in tree_leaves(last.args[0])]


def _joined(outputs: list[Any], depends: list[bool]) -> Any:
    """Return the outputs of parts of a batch as that of the whole: what does not depend on the images is given once."""
    if len(outputs) == 1:
        return outputs[0]
    parts = [tree_leaves(output) for output in outputs]
    whole: list[Any] = []
    for each, by_image in zip(zip(*parts, strict=True), depends, strict=True):
        if by_image:
            whole.append(torch.cat(each) if isinstance(each[0], Tensor) else sum(each))
        else:
            whole.append(each[0])
    return tree_unflatten(whole, tree_structure(outputs[0]))
