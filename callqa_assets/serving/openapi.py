"""The OpenAPI description, a file that is checked in."""

from __future__ import annotations

from pathlib import Path

OPENAPI_FILE = Path(__file__).with_name("openapi.yaml")
