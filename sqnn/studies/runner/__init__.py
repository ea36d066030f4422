"""The foundation of all studies: declaration, runner, table, folder and cluster."""
