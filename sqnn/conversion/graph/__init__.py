"""The graph of a network: traced, each call's role, what each edge carries, and what was recorded on the way."""
