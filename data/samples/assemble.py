"""Assemble the demo's sample calls from single lines of synthetic speech.

    python data/samples/assemble.py --voice DIR [--out DIR]

DIR holds lines.csv and the lines it names. What is said in which call stands below; the result is
the same bytes each time. See README.md for where the voice comes from.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile as sf
import soxr
from numpy.typing import NDArray

LINE_RATE_HZ = 8_000
PAUSE_S = (0.5, 0.9)
"""Between two turns."""
BREATH_S = 0.1
"""Between two lines of one turn."""
LINE_NOISE_DBFS = -66.0
OPENING_S = 0.6

Samples = NDArray[np.float64]


@dataclass(frozen=True)
class Shouting:
    """How an angry line is made to resemble shouting."""

    raised: float
    """Factor on pitch and tempo together."""
    stretched: float
    """Factor on the duration alone, after that."""
    presence_db: float
    """Lift at 3 kHz against 300 Hz: a raised voice has a flatter spectrum."""
    drive: float
    """Gain before soft clipping, over an RMS of 1."""
    evened: float = 0.0
    """Share of the level's swings that is taken out, 0 to 1."""
    rough: float = 0.0
    """Depth of a 60 Hz tremor."""


# Found by a search for what the shipped emotion head takes for anger; see README.md.
SHOUTING = {
    "c02": Shouting(
        raised=1.102, stretched=0.511, presence_db=19.0, drive=6.0, evened=0.3, rough=0.41
    ),
    "x00": Shouting(
        raised=1.219, stretched=0.498, presence_db=22.0, drive=0.25, evened=0.58, rough=0.8
    ),
}

# Lines by the number that ends their file name: a agent, c customer, x angry customer, with ! as
# SHOUTING says. A turn of several lines is spoken in one breath.
REPAYMENT = "a00 c00 a06 c05 a08"
OPENING_HOURS = "a00 c04 a05 c05 a08"
ACCOUNT = "a00 c07 a10 c05 a08"
INTEREST = "a00 c06 a07 c05 a08"
LOST_CARD = "a00 c02 a03 a01 c01 a02 c05 a08"
REFUND = "a00 c03 a01 c01 a02 a04 c05 a08"
COMPLAINT = "a00 x01 a09 c02!+x00! a03 x02 a09 c02!+x00! a03 c02!+x00! a04"

CALLS = {
    # 14 March: two named by the phone platform, one that arrives two days late.
    "20250314-093012_1001_13800138000": REPAYMENT,
    "Demo_GUID_0002_AGENT_LiNa_DT_2025-03-14T15-20-05_Stereo": ACCOUNT,
    "../late/20250314-174501_1003_13800138000": OPENING_HOURS,
    # 15 March: sidecars and a manifest.
    "refund": REFUND,
    "complaint": COMPLAINT,
    "wealth": INTEREST,
    # 16 March: a manifest, a name, and nothing but the file's date.
    "lost_card": LOST_CARD,
    "Demo_GUID_0008_AGENT_LiNa_DT_2025-03-16T10-02-44_Stereo": REPAYMENT,
    "walk_in": ACCOUNT,
}

SIDECARS = {
    "refund.json": {
        "call_id": "R-20250315-0004",
        "started_at": "2025-03-15T10:05:30+08:00",
        "agent_id": "1002",
        "customer_id": "13800138000",
        "queue": "refunds",
        "line": "400-demo",
        "order_id": "DEMO-1585",
    },
    "complaint.flac.json": {
        "call_id": "C-20250315-0005",
        "started_at": "2025-03-15T16:41:09+08:00",
        "agent_id": "1004",
        "customer_id": "13800138000",
        "queue": "vip",
        "line": "400-demo",
        "business_line": "cards",
    },
}

MANIFEST = """\
file,call_id,started_at,agent_id,customer_id,queue,language
wealth.flac,M-0006,2025-03-15 11:20:00,1003,13800138000,wealth,zh
lost_card.flac,M-0007,2025-03-16 09:15:40,1002,13800138000,cards,zh
"""

TOO_SHORT = "20250316-111500_1002_13800138000"
CORRUPT = "20250316-110000_1002_13800138000"


def read_lines(voice: Path) -> dict[str, Samples]:
    """Every line of the voice at 8 kHz, by its short name: a00, c00, x00; x00! is shouted."""
    lines: dict[str, Samples] = {}
    with (voice / "lines.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            samples, rate_hz = sf.read(voice / row["file"])
            letter = "x" if row["style"] == "angry" else row["role"][0]
            name = letter + Path(row["file"]).stem[-2:]
            lines[name] = soxr.resample(samples, rate_hz, LINE_RATE_HZ)
            if name in SHOUTING:
                shouted = shout(samples, rate_hz, SHOUTING[name])
                lines[f"{name}!"] = soxr.resample(shouted, rate_hz, LINE_RATE_HZ)
    return lines


def shout(samples: Samples, rate_hz: int, how: Shouting) -> Samples:
    """Raise, hasten, even out, brighten, roughen and overdrive a line; peak 0.9."""
    raised = soxr.resample(samples, rate_hz * how.raised, rate_hz)
    line = stretch(raised, how.stretched, rate_hz)

    window = np.hanning(round(0.08 * rate_hz))
    power = np.convolve(np.square(line), window / window.sum(), "same") + 1e-5
    line = line / np.sqrt(power) ** how.evened

    octaves = np.log2(np.maximum(np.fft.rfftfreq(len(line), 1 / rate_hz), 50) / 300)
    tilt_db = how.presence_db * np.clip(octaves / np.log2(10), -0.5, 1)
    line = np.fft.irfft(np.fft.rfft(line) * 10 ** (tilt_db / 20), len(line))

    line /= np.sqrt(np.mean(np.square(line)))
    line *= 1 + how.rough * np.sin(2 * np.pi * 60 * np.arange(len(line)) / rate_hz)
    line = np.tanh(how.drive * line)
    return 0.9 * line / np.abs(line).max()


def stretch(samples: Samples, factor: float, rate_hz: int) -> Samples:
    """Change the duration but not the pitch: overlapping 30 ms pieces, each taken where it fits
    best to the one before (WSOLA, Verhelst and Roelands 1993)."""
    length, slack = round(0.030 * rate_hz), round(0.008 * rate_hz)
    hop = length // 2
    pieces = int(len(samples) * factor / hop)
    padded = np.pad(samples, (slack, length + hop + slack))
    stretched = np.zeros(pieces * hop + length)
    window = np.hanning(length)
    follows: Samples | None = None
    for piece in range(pieces):
        start = int(piece * hop / factor) + slack
        if start + hop + length + 2 * slack > len(padded):
            break
        if follows is not None:
            around = padded[start - slack : start + length + slack]
            start += int(np.correlate(around, follows, "valid").argmax()) - slack
        stretched[piece * hop : piece * hop + length] += window * padded[start : start + length]
        follows = padded[start + hop : start + hop + length]
    return stretched


def assemble(script: str, lines: dict[str, Samples], rng: np.random.Generator) -> Samples:
    """[n, 2]: agent left, customer right, one turn after the other over a noisy line."""
    silence = np.zeros(round(OPENING_S * LINE_RATE_HZ))
    tracks: list[list[Samples]] = [[silence], [silence]]
    breath = np.zeros(round(BREATH_S * LINE_RATE_HZ))
    for turn in script.split():
        spoken: list[Samples] = []
        for line in turn.split("+"):
            spoken += [lines[line], breath]
        pause = np.zeros(round(rng.uniform(*PAUSE_S) * LINE_RATE_HZ))
        said = np.concatenate([*spoken, pause])
        speaker = 0 if turn.startswith("a") else 1
        tracks[speaker].append(said)
        tracks[1 - speaker].append(np.zeros(len(said)))
    call = np.stack([np.concatenate(track) for track in tracks], axis=1)
    return call + rng.normal(0, 10 ** (LINE_NOISE_DBFS / 20), call.shape)


def telephone(call: Samples) -> NDArray[np.int16]:
    """What G.711 µ-law leaves of a call."""
    coded = io.BytesIO()
    sf.write(coded, np.clip(call, -1, 1), LINE_RATE_HZ, format="WAV", subtype="ULAW")
    coded.seek(0)
    return sf.read(coded, dtype="int16")[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--voice", type=Path, required=True, help="folder with lines.csv")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    arguments = parser.parse_args()
    out: Path = arguments.out
    calls = out / "calls"
    for folder in (calls, out / "late"):
        folder.mkdir(parents=True, exist_ok=True)

    lines = read_lines(arguments.voice)
    for number, (name, script) in enumerate(CALLS.items()):
        call = assemble(script, lines, np.random.default_rng(number))
        sf.write(calls / f"{name}.flac", telephone(call), LINE_RATE_HZ, subtype="PCM_16")
    for name, sidecar in SIDECARS.items():
        text = json.dumps(sidecar, indent=2, ensure_ascii=False)
        (calls / name).write_text(text + "\n", encoding="utf-8")
    (calls / "manifest.csv").write_text(MANIFEST, encoding="utf-8")

    silence = np.zeros((round(0.010 * LINE_RATE_HZ), 2), np.int16)
    sf.write(calls / f"{TOO_SHORT}.flac", silence, LINE_RATE_HZ, subtype="PCM_16")
    noise = np.random.default_rng(0).bytes(2_000)
    (calls / f"{CORRUPT}.flac").write_bytes(b"fLaC" + noise)


if __name__ == "__main__":
    main()
