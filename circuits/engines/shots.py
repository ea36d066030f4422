"""What every engine asks of a number of shots."""

from __future__ import annotations


def check_shots(shots: int | None) -> None:
    """Raise ValueError unless `shots` is a whole number of at least 1, or None for exact values."""
    if shots is not None and (not isinstance(shots, int) or isinstance(shots, bool) or shots < 1):
        raise ValueError(f"shots: got {shots!r}, expected a whole number of at least 1, or None for exact values")
