"""Sound as arrays: decoding, segments, packing into batches."""
