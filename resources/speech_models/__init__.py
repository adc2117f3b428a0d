"""Speech models behind three protocols, their weights, and the cache of loaded models."""
