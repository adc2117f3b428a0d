"""Hotword lists from the configuration folder."""

from __future__ import annotations

import logging
from pathlib import Path

from callqa_assets.domain.text.hotwords import HotwordError, HotwordLists, list_name, parse_hotwords

_log = logging.getLogger(__name__)


def read_hotwords(folder: Path) -> HotwordLists:
    """Every list of the folder, `<queue>.txt` and `default.txt`; none where there is no folder.

    Queues are looked up among the files read, so a queue's name never becomes a path. Raises
    HotwordError, which states file and line.
    """
    lists: dict[str, tuple[str, ...]] = {}
    for path in sorted(folder.glob("*.txt")):
        try:
            text = path.read_text("utf-8-sig")  # Windows editors write a byte order mark
        except UnicodeDecodeError as error:
            raise HotwordError(f"{path} is not UTF-8: save it as UTF-8") from error
        name = list_name(path.stem)
        if name in lists:
            raise HotwordError(f"{path}: another file is the list {name!r} as well; merge them")
        parsed = parse_hotwords(text, str(path))
        if parsed.weights_dropped:
            _log.warning(
                "%s: %d weight(s) dropped, as no model takes them; delete the numbers, or write "
                "those that belong to a word without a space",
                path,
                parsed.weights_dropped,
            )
        lists[name] = parsed.words
    return HotwordLists(lists)
