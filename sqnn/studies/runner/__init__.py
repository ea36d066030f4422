"""What every study runs on: one table, one folder, one cluster."""
