"""Assemblies: groups of neurons that fire together more than shuffled trains would."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from sqnn.core import ConfigError, counted, is_whole, require
from sqnn.explain.signal.nulls import NULLS
from sqnn.explain.signal.result import Signal
from sqnn.explain.signal.trains import MATRIX_MOST, LayerLike, Neurons, binned, fired, neuron_indices, source_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes


@dataclass(frozen=True, repr=False, eq=False)
class Assemblies(Signal):
    """Patterns of neurons that fire together.

    - `patterns` `[assemblies, neurons]`: weights of unit length, the largest positive;
    - `activity` `[bins, batch, assemblies]`: z' P z of the standardised counts z, with P = w w' less its diagonal, so
      that one neuron alone is no assembly;
    - `eigenvalues` of the correlations, the largest first, and the `threshold` that one of shuffled trains exceeds in
      5 % of the shuffles;
    - `neurons`: flat indices; those that never vary have weight 0.
    """

    neurons: tuple[int, ...]
    patterns: Tensor
    activity: Tensor
    eigenvalues: Tensor
    threshold: float
    null: str

    @property
    def members(self) -> list[tuple[int, ...]]:
        """The neurons of each assembly: those with more weight than 1 / sqrt(neurons), which an even pattern has.

        The mean and two standard deviations, a rule in use, finds no assembly of a fifth of the neurons or more.
        """
        names, even = torch.tensor(self.neurons), len(self.neurons) ** -0.5
        return [tuple(names[pattern > even].tolist()) for pattern in self.patterns]

    @property
    def frame(self) -> pd.DataFrame:
        """One row per assembly and neuron: assembly, neuron, weight, whether it is a member."""
        import pandas as pd

        members = [set(each) for each in self.members]
        number = len(self.patterns)
        return pd.DataFrame(
            {
                "assembly": [assembly for assembly in range(number) for _ in self.neurons],
                "neuron": [*self.neurons] * number,
                "weight": self.patterns.flatten().tolist(),
                "member": [neuron in members[assembly] for assembly in range(number) for neuron in self.neurons],
            }
        )

    def draw(self, axes: Axes) -> None:
        """Draw the weights of each assembly as a row of colours."""
        from sqnn.metrics import figure_of

        rows, columns = [at - 0.5 for at in range(len(self.patterns) + 1)], range(len(self.neurons) + 1)
        limit = float(self.patterns.abs().max()) if len(self.patterns) else 1.0
        mesh = axes.pcolormesh(columns, rows, self.patterns.numpy(), cmap="coolwarm", vmin=-limit, vmax=limit)
        axes.set_yticks(range(len(self.patterns)))
        axes.set_xlabel("neuron")
        axes.set_ylabel("assembly")
        figure_of(axes).colorbar(mesh, ax=axes, label="weight (patterns have length 1)")

    def summary(self) -> str:
        """Say how many there are, and of how many neurons each."""
        sizes = ", ".join(str(len(each)) for each in self.members) or "none"
        found, neurons = counted(len(self.patterns), "assembly", "assemblies"), counted(len(self.neurons), "neuron")
        return f"{found} among {neurons}, of members: {sizes}"


def find_assemblies(
    layer: LayerLike,
    neurons: Neurons = None,
    *,
    width: int = 1,
    null: str = "images",
    shuffles: int = 40,
    generator: torch.Generator | None = None,
) -> Assemblies:
    """Return assemblies by principal and independent components of spike counts in bins of `width` steps.

    The number of assemblies is that of eigenvalues of the neurons' correlations which exceed the 95th percentile of
    the largest one in shuffled trains; `null` names the shuffle as in `spike_motifs`. The components come from
    scikit-learn's FastICA; all numbers are drawn from `generator`, by default one with seed 0. A silent layer has none.
    Raises ConfigError on more than 2,000 neurons.

    Source: Lopes-dos-Santos, Ribeiro and Tort, J. Neurosci. Methods 220 (2013).
    """
    require(is_whole(shuffles) and shuffles >= 1, "shuffles", shuffles, "a whole number of at least 1")
    shuffle = NULLS.pick(null, error=ConfigError)
    chosen = neuron_indices(layer, neurons, most=MATRIX_MOST)
    trains = fired(layer)[:, :, chosen]
    source = source_of(generator)
    standard = _standardised(trains, width)
    values, vectors = torch.linalg.eigh(_correlations(standard))
    shuffled = (_standardised(shuffle(trains, source), width) for _ in range(shuffles))
    largest = torch.stack([torch.linalg.eigvalsh(_correlations(counts))[-1] for counts in shuffled])
    threshold = float(largest.quantile(0.95))
    number = int((values > threshold).sum())
    patterns = _independent(standard.flatten(0, 1), vectors[:, len(values) - number :], source)
    squares = (standard[..., None, :] * patterns).square().sum(-1)
    return Assemblies(
        neurons=tuple(chosen.tolist()),
        patterns=patterns,
        activity=(standard @ patterns.T).square() - squares,
        eigenvalues=values.flip(0),
        threshold=threshold,
        null=null,
    )


def _standardised(trains: Tensor, width: int) -> Tensor:
    """Return counts `[bins, batch, neurons]` less their mean, per standard deviation; 0 for what never varies."""
    counts, _ = binned(trains.double(), width)
    deviation = counts.std((0, 1), correction=0)
    return (counts - counts.mean((0, 1))) / deviation.where(deviation > 0, 1)


def _correlations(standard: Tensor) -> Tensor:
    rows = standard.flatten(0, 1)
    return rows.T @ rows / len(rows)


def _independent(rows: Tensor, subspace: Tensor, source: torch.Generator) -> Tensor:
    """Return unit patterns `[assemblies, neurons]` that are independent within the subspace of assemblies."""
    from sklearn.decomposition import FastICA
    from sklearn.exceptions import ConvergenceWarning

    if subspace.shape[1] < 2:
        patterns = subspace.T
    else:
        seed = int(torch.randint(2**31, (), generator=source))
        ica = FastICA(random_state=seed, whiten="unit-variance", max_iter=1000)
        with warnings.catch_warnings():
            # Where sources are as good as normal, every rotation of the subspace serves.
            warnings.simplefilter("ignore", ConvergenceWarning)
            ica.fit((rows @ subspace).numpy())
        patterns = torch.from_numpy(ica.components_).to(subspace.dtype) @ subspace.T
    patterns = patterns / patterns.norm(dim=1, keepdim=True)
    strongest = patterns.gather(1, patterns.abs().argmax(1, keepdim=True))
    return patterns * strongest.sign()
