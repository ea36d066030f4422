"""Labels from spike counts: the responses counted in training, and three ways to read them."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sqnn.core import Choices, ConfigError, require

LABEL_READOUTS: Choices[str] = Choices(
    "readout",
    {
        "assignment": "mean count of the neurons that respond most to the class",
        "proportion": "counts shared out by how much a neuron responds to each class",
        "log-likelihood": "log-likelihood of the counts, one spike after another",
    },
)
"""How the counts of neurons become logits."""
PRIOR = 0.5
"""Spikes of each neuron and class that are presumed seen, so that no likelihood is 0."""


class LabelReadout(nn.Module):
    """Read logits [batch, classes] from spike counts n [batch, neurons] by the counts that labels came with.

    `observe` adds the counts of labelled images to R_cj, the spikes of neuron j for class c, and to the images M_c of
    each class, both of which fade by the factor `forget` in (0, 1] per call. With the mean responses r_cj = R_cj / M_c

    - `assignment`: sum of n_j / |N_c| over N_c, the neurons whose r_cj is largest for class c (Diehl and Cook 2015);
    - `proportion`: sum_j n_j r_cj / sum_c r_cj;
    - `log-likelihood`: sum_j n_j log p_cj with p_cj = (R_cj + PRIOR) / sum_j (R_cj + PRIOR).

    Each neuron needs its own counts alone, and for the likelihood the sum over all. Raises ConfigError on an unknown
    `readout` and where `forget` is out of range.
    """

    responses: Tensor
    images: Tensor

    def __init__(self, neurons: int, classes: int, readout: str = "log-likelihood", forget: float = 1.0) -> None:
        super().__init__()
        LABEL_READOUTS.pick(readout, error=ConfigError)
        require(0 < forget <= 1, "forget", forget, "a factor above 0 and at most 1")
        self.readout, self.forget = readout, forget
        self.register_buffer("responses", torch.zeros(classes, neurons))
        self.register_buffer("images", torch.zeros(classes))

    def observe(self, counts: Tensor, labels: Tensor) -> None:
        """Count the responses [batch, neurons] to images of these labels [batch]."""
        self.responses.mul_(self.forget).index_add_(0, labels, counts)
        self.images.mul_(self.forget).add_(torch.bincount(labels, minlength=len(self.images)))

    @property
    def assigned(self) -> Tensor:
        """The class that each neuron responds to most, [neurons]."""
        return self._means().argmax(0)

    def forward(self, counts: Tensor) -> Tensor:
        if self.readout == "log-likelihood":
            smoothed = self.responses + PRIOR
            return counts @ (smoothed / smoothed.sum(1, keepdim=True)).log().t()
        if self.readout == "proportion":
            means = self._means()
            return counts @ (means / means.sum(0).clamp_min(torch.finfo(means.dtype).tiny)).t()
        members = F.one_hot(self.assigned, len(self.images)).to(counts.dtype)
        return counts @ members / members.sum(0).clamp_min(1)

    def _means(self) -> Tensor:
        """Mean spikes of each neuron per image of each class, [classes, neurons]; 0 of a class that was not seen."""
        return self.responses / self.images.clamp_min(torch.finfo(self.images.dtype).tiny)[:, None]
