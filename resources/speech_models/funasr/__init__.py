"""The production backend: funasr model families, driven below AutoModel.generate."""
