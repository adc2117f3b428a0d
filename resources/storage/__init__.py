"""Files on disk: home, drop folder, archive, lake."""
