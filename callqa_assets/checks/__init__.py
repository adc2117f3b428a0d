"""Asset checks, one module per asset. Integrity checks block downstream assets; others warn."""
