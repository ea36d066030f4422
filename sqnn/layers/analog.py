"""The ordinary branches: convolution, dense layer and residual block on real values [batch, ...]."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

KERNEL = 3
"""Side in pixels of the kernel of a convolution."""


class AnalogConv(nn.Module):
    """Convolution without bias, batch norm, leaky ReLU: `[batch, channels, height, width]`.

    The stride divides height and width, rounding up.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1, kernel: int = KERNEL) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, kernel, stride, kernel // 2, bias=False)
        self.norm = nn.BatchNorm2d(out_channels)

    def forward(self, values: Tensor) -> Tensor:
        return F.leaky_relu(self.norm(self.conv(values)))


class AnalogDense(nn.Module):
    """Linear layer without bias, batch norm, leaky ReLU: `[batch, features]`."""

    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__()
        self.linear = nn.Linear(in_features, out_features, bias=False)
        self.norm = nn.BatchNorm1d(out_features)

    def forward(self, values: Tensor) -> Tensor:
        return F.leaky_relu(self.norm(self.linear(values)))


class AnalogResidual(nn.Module):
    """The basic block of a ResNet: y = relu(norm(conv(relu(norm(conv(x))))) + shortcut(x)).

    The shortcut is the identity, or a normalised 1x1 convolution where stride or width change.
    Source: He et al., CVPR 2016.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, out_channels, KERNEL, stride, KERNEL // 2, bias=False)
        self.norm1 = nn.BatchNorm2d(out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, KERNEL, 1, KERNEL // 2, bias=False)
        self.norm2 = nn.BatchNorm2d(out_channels)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or in_channels != out_channels:
            self.shortcut = nn.Sequential(
                nn.Conv2d(in_channels, out_channels, 1, stride, bias=False), nn.BatchNorm2d(out_channels)
            )

    def forward(self, values: Tensor) -> Tensor:
        inner = F.relu(self.norm1(self.conv1(values)))
        return F.relu(self.norm2(self.conv2(inner)) + self.shortcut(values))
