"""Weight files: where they come from and whether they are whole."""
