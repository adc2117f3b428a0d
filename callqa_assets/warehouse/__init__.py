"""The SQL warehouse: tables, migrations, and the writers and readers of each kind of row.

Only this package writes rows. It imports nothing of callqa but the domain.
"""
