"""Who speaks when in a call, by the times of the words, and what follows from it."""
