"""What several models run on: devices, features, loaders."""
