"""Which container a file is, by its first bytes."""

from __future__ import annotations


def name_container(head: bytes) -> str | None:
    """The container format by the first 16 bytes; None where it is unknown."""
    if head[:4] in (b"RIFF", b"RF64") and head[8:12] in (b"WAVE", b""):
        return "WAV"
    if head[4:8] == b"ftyp":
        return "MP4"
    magics = {b"fLaC": "FLAC", b"OggS": "Ogg", b"NIST": "SPHERE", b"FORM": "AIFF", b"ID3": "MP3"}
    magics |= {b".snd": "AU", b"caff": "CAF", b"riff": "W64", b"\x1a\x45\xdf\xa3": "Matroska"}
    magics |= {b"#!AMR": "AMR", b"\xff\xfb": "MP3", b"\xff\xf3": "MP3", b"\xff\xe3": "MP3"}
    return next((name for magic, name in magics.items() if head.startswith(magic)), None)
