"""Sound of calls that are streamed."""
