"""Shared by several models: devices, features, loading."""
