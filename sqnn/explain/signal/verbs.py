"""The measures that a recording has as methods."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from torch import Tensor

from sqnn.core import ConfigError

if TYPE_CHECKING:
    import torch

    from sqnn.explain.recording import HeadRecord, LayerRecord
    from sqnn.explain.signal.bloch import BlochSpheres
    from sqnn.explain.signal.coincidence import Synchrony, SynchronyMeasure
    from sqnn.explain.signal.embedding import Embedding
    from sqnn.explain.signal.histograms import Psth
    from sqnn.explain.signal.membranes import Traces
    from sqnn.explain.signal.rasters import Colours, Raster
    from sqnn.explain.signal.trains import Neurons


class SignalVerbs:
    """Methods of a recording, each a function of `sqnn.explain.signal`; `layer` is the last by default."""

    if TYPE_CHECKING:

        @property
        def layers(self) -> Mapping[str, LayerRecord]:
            """The layers by name."""

        @property
        def labels(self) -> Tensor | None:
            """One label per image."""

        @property
        def head(self) -> HeadRecord | None:
            """The quantum head."""

        def __getitem__(self, name: str) -> LayerRecord: ...

    def raster(self, image: int = 0, *, layer: str | None = None, values: Colours = None) -> Raster:
        """Return the spikes of one image, of one layer or of all, coloured by `values`: see `raster`."""
        from sqnn.explain.signal.rasters import raster

        layers = self.layers if layer is None else {layer: self[layer]}
        return raster(layers, image, values=values)

    def traces(self, neurons: Neurons = None, image: int = 0, *, layer: str | None = None) -> Traces:
        """Return membranes of some neurons for one image, with the threshold: see `traces`."""
        from sqnn.explain.signal.membranes import traces

        return traces(self._layer(layer), neurons, image)

    def psth(self, by: str = "class", *, layer: str | None = None, width: int = 1) -> Psth:
        """Return spikes per step by "class", by "neuron", or of "all": see `psth`."""
        from sqnn.explain.signal.histograms import psth

        return psth(self._layer(layer), self.labels, by=by, width=width)

    def synchrony(
        self,
        neurons: Neurons = None,
        *,
        layer: str | None = None,
        measure: str | SynchronyMeasure = "spike-synchronization",
    ) -> Synchrony:
        """Return the synchrony of pairs of neurons: see `synchrony`."""
        from sqnn.explain.signal.coincidence import synchrony

        return synchrony(self._layer(layer), neurons, measure=measure)

    def embed(
        self,
        of: str = "neurons",
        *,
        layer: str | None = None,
        method: str = "pca",
        groups: int = 4,
        generator: torch.Generator | None = None,
    ) -> Embedding:
        """Return a map of neurons or images by their spikes, with groups and selectivity: see `embed`."""
        from sqnn.explain.signal.embedding import embed

        return embed(self._layer(layer), self.labels, of=of, method=method, groups=groups, generator=generator)

    def bloch(self, image: int = 0) -> BlochSpheres:
        """Return the Bloch vectors of one image after each block: see `bloch_spheres`."""
        from sqnn.explain.signal.bloch import bloch_spheres

        if self.head is None:
            raise ConfigError("head: got a network without a circuit, expected one with a quantum head")
        return bloch_spheres(self.head, image)

    def _layer(self, name: str | None) -> LayerRecord:
        if name is None:
            if not self.layers:
                raise ConfigError("layer: got a network without spiking neurons, expected at least one layer of them")
            name = list(self.layers)[-1]
        return self[name]
