"""Differentiation rules and initialisations of the circuit on one teacher-student task."""
