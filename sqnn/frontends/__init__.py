"""Spiking front-ends: they turn spike trains of images into the angles that a quantum circuit reads."""

from sqnn.frontends.spiking_cnn import READOUTS, SpikingBlock, SpikingCNN

__all__ = ["READOUTS", "SpikingBlock", "SpikingCNN"]
