"""What calls, speech, emotions and rules *are*: pure Python, numpy and polars.

Nothing here imports dagster, torch or sqlalchemy, opens a database or loads a model.
"""
