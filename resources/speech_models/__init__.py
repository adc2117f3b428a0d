"""Speech models behind three protocols, their weights, and the per-process model cache."""
