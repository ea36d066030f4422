"""What the encoders' gradients are worth: one training per surrogate, rescaling, variant and seed."""
