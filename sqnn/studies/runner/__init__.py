"""What every study runs on: its declaration, one runner, one table, one folder, one cluster."""
