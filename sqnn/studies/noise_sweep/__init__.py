"""Accuracy of trained networks under growing noise."""
