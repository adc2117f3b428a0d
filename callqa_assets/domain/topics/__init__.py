"""Topics and words of calls: what is looked for, where it is found, which words are counted."""
