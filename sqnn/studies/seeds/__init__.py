"""Accuracy as a distribution: one training per variant, number of threads and seed."""
