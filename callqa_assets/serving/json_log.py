"""Log lines as JSON: no query, no file name, no text of a call."""

from __future__ import annotations

import json
import logging
import sys
import traceback
from datetime import UTC, datetime


class JsonFormatter(logging.Formatter):
    """One object a line. A traceback has places in the code only, no values."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info and record.exc_info[0] is not None:
            frames = traceback.extract_tb(record.exc_info[2])
            line["error"] = record.exc_info[0].__name__
            line["traceback"] = " > ".join(f"{f.filename}:{f.lineno} {f.name}" for f in frames)
        return json.dumps(line, ensure_ascii=False)


def log_as_json() -> None:
    """Send all logging to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    for name in ("callqa_assets", "resources"):
        logging.getLogger(name).setLevel(logging.INFO)
