"""Alert rules: the language, its lint, its tests."""
