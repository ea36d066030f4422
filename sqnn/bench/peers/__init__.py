"""What we are measured beside: one file for each kind of work, each peer where it is installed."""
