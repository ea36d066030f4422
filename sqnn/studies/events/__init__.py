"""Study of synthetic recordings beside those of a real camera."""
