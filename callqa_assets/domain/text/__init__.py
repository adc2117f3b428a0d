"""Text of transcripts: cleanup, alignment, comparison, hotwords, ITN."""
