"""Names of layers in counts of operations."""

from __future__ import annotations

import torch
from convertible import draw_images, randomise
from torch import Tensor, nn

from sqnn.conversion import convert
from sqnn.metrics import count_operations
from sqnn.neurons import QCFS

IMAGES = 3


def test_layers_are_named_by_their_paths_whatever_these_are() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.act, self.fc = nn.Linear(5, 4), QCFS(2), nn.Linear(4, 4)
            self.decode = nn.ModuleDict({"fc": nn.Linear(4, 3)})

        def forward(self, images: Tensor) -> Tensor:
            for _ in range(2):
                images = images + self.fc(self.act(self.first(images)))[:, :1]
            return self.decode["fc"](self.fc(self.act(self.first(images))).softmax(1))

    model, images = randomise(Net()), draw_images(IMAGES, 5)
    spiking = convert(model, images=images)
    torch.testing.assert_close(spiking(images), model(images))
    source, spent = count_operations(spiking, images)
    calls = [f"{name}{number}" for number in ("", "#2", "#3") for name in ("first", "fc")]
    assert list(source.frame["layer"]) == [*calls, "decode.fc"]
    firing = [f"{name}{number}" for number in ("", "#2", "#3") for name in ("first", "act", "fc")]
    assert [name for name in spent.frame["layer"] if not name.startswith("sum of")] == [*firing, "decode.fc"]
