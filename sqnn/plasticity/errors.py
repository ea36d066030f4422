"""The errors of local learning, each one line."""


class RunawayError(RuntimeError):
    """A layer whose neurons fire at more and more steps: where, how much, and what to change."""
