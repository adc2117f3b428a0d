"""Audio as arrays: decoding, segments, packing."""
