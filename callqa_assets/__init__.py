"""callqa: every call of a contact centre as daily Dagster assets."""
