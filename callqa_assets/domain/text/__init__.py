"""Text of transcripts: cleanup, alignment, hotwords, inverse text normalisation."""
