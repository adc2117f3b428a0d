"""`callqa serve`: a server beside Dagster, on the same home, ledger and outbox, without Dagster."""
