"""The stages: what each reads, computes and writes, and the contract they share.

Nothing here imports Dagster."""
