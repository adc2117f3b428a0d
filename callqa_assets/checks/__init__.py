"""Asset checks, one module a guarded asset. Integrity blocks what is downstream; drift warns."""
