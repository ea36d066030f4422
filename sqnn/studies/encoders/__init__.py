"""Trainings by surrogate, rescaling, variant and seed of the encoders."""
