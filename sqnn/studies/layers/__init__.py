"""Gradients and spikes per layer of layer-wise hybrid networks."""
