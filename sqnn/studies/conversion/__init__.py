"""Accuracy after conversion, by method and number of time steps."""
