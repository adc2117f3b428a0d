"""Hotword lists from the configuration folder."""

from __future__ import annotations

from pathlib import Path

from callqa_assets.domain.text.hotwords import HotwordError, HotwordLists, list_name, parse_hotwords


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
        lists[name] = parse_hotwords(text, str(path))
    return HotwordLists(lists)
