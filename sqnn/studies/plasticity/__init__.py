"""The study of learning rules: what local plasticity changes in accuracy, firing and operations."""
