"""Noises of a sweep: the name that the table gives each, and what it is at a strength."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import noise_models
from circuits import DataReupload, chip_shape, resolve_noise
from sqnn.core import ConfigError

Source = str | Callable[..., Any]
"""What a noise is built from: a specification, or a function of the strength that returns noise, or a factor and it."""


def named_noise(noise: object) -> tuple[str, Source]:
    """Return the name that the table gives a noise, and what it is built from."""
    if isinstance(noise, tuple):  # of a mapping, which names it
        name, given = noise
        return _one_line(str(name)), named_noise(given)[1]
    backend = _backend(noise)
    if backend is not None:
        return backend, lambda strength: (strength, noise)
    noise = _read_aer(noise)
    if isinstance(noise, noise_models.Noise):
        return _one_line(repr(noise)), noise.to_json()
    if callable(noise):
        name = str(getattr(noise, "__name__", "noise"))
        return name if name.isidentifier() else "noise", noise
    if not isinstance(noise, str):
        raise ConfigError(
            f"noise: got {type(noise).__name__}, expected a specification or a Noise, an Aer NoiseModel, a backend, or "
            "a function from a strength to one of these"
        )
    if noise.lstrip().startswith("{"):
        return _one_line(repr(noise_models.parse_noise(noise))), noise
    return _one_line(noise), noise


def second_noise(label: str, source: Source, strength: float) -> tuple[str, Source]:
    """Return the name and the source of a noise whose second strength is this one."""
    if isinstance(source, str):
        try:
            text = noise_models.give_second(source, strength)
        except ValueError as error:
            raise ConfigError(str(error)) from error
        return (text if label == _one_line(source) else f"{label}, second {strength:g}"), text
    return f"{label}, second {strength:g}", lambda first: source(first, strength)


def built_noise(label: str, source: Source, strength: float, n_qubits: int, entangler: str) -> noise_models.Noise:
    """Return the noise of a source at a strength, for the register of one network."""
    if isinstance(source, str):
        return _at_strength(label, source, strength, n_qubits, chip_shape(entangler))
    made: object = None
    try:
        made = source(strength)
        factor, noise = made if isinstance(made, tuple) else (1, made)
        return factor * (resolve_noise(noise, DataReupload(n_qubits, 1, entangler)) or noise_models.Noise())
    except ValueError as error:
        if str(error).startswith(f"noise: got {type(made).__name__}, expected a noise_models.Noise"):
            raise ConfigError(
                f"noise: got {type(made).__name__} of {label}({strength:g}), expected a Noise, an Aer NoiseModel, a "
                "backend or a specification"
            ) from error
        raise ConfigError(f"noise: {label} at strength {strength:g} cannot be: {error}") from error


def _backend(noise: object) -> str | None:
    """Return the name of a Qiskit backend; None for anything else."""
    # Whoever holds a backend has loaded Qiskit.
    providers = sys.modules.get("qiskit.providers")
    return str(noise.name) if providers is not None and isinstance(noise, providers.BackendV2) else None


def _read_aer(noise: object) -> object:
    """Return the Noise of an Aer model, and anything else as it is."""
    aer = sys.modules.get("qiskit_aer.noise")
    return noise_models.from_aer(noise) if aer is not None and isinstance(noise, aer.NoiseModel) else noise


def _at_strength(label: str, text: str, strength: float, n_qubits: int, shape: str) -> noise_models.Noise:
    try:
        return noise_models.at_strength(text, strength, n_qubits, shape)
    except ValueError as error:
        # What is wrong with the specification itself names it already, and is wrong at every strength.
        where = "" if str(error).startswith("noise: ") else f"noise: {label} at strength {strength:g} cannot be: "
        raise ConfigError(f"{where}{error}") from error


def _one_line(text: str) -> str:
    return " ".join(text.split())
