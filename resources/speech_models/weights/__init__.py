"""Weight files: their origin and their verification."""
