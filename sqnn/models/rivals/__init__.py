"""Spiking-quantum networks of other papers: in series and in parallel."""

from sqnn.models.rivals.ppf import PPFQSNN, PPFQSNNConfig
from sqnn.models.rivals.serial import SerialSQNN, SerialSQNNConfig

__all__ = ["PPFQSNN", "PPFQSNNConfig", "SerialSQNN", "SerialSQNNConfig"]
