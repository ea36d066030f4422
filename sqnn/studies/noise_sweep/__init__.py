"""Accuracy under growing noise, of finished networks."""
