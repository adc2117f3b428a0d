"""The SQL warehouse: tables, migrations, and the writers and readers of each kind of row.

Only this package knows SQL. It imports no dagster and no model.
"""
