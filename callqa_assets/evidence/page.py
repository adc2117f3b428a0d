"""The evidence of an alert as one HTML file, which needs nothing else."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from importlib.metadata import version

from callqa_assets.domain.emotion.colours import EMOTION_COLOURS
from callqa_assets.evidence.clip import Clip, cut_clip
from callqa_assets.evidence.facts import AlertFacts, read_alert_facts
from callqa_assets.warehouse.database import Warehouse
from resources.html_pages import open_templates
from resources.storage.home import Home

_HEIGHT = 60
_WIDTH = 800


def write_evidence(warehouse: Warehouse, home: Home, alert_id: str) -> str:
    """The page of an alert. Raises EvidenceError."""
    with warehouse.read() as connection:
        facts = read_alert_facts(connection, alert_id)
    times = (facts.alert["started_s"], facts.alert["ended_s"])
    return write_page(facts, cut_clip(home.root / facts.archive_path, facts.encoding, *times))


def write_page(facts: AlertFacts, clip: Clip) -> str:
    """The page. Texts are masked; the sound is as it was."""
    length = clip.end_s - clip.start_s
    alert = facts.alert
    near = [
        segment
        for segment in facts.call["segments"]
        if segment["start_s"] < clip.end_s and segment["end_s"] > clip.start_s
    ]
    return (
        open_templates("callqa_assets.evidence")
        .get_template("evidence.html.j2")
        .render(
            alert=alert,
            call=facts.call,
            said=near,
            rule_yaml=facts.rule_yaml,
            models=facts.models,
            clip=clip,
            sound=base64.b64encode(clip.wav).decode(),
            lanes=[
                {
                    "channel": channel,
                    "role": role,
                    "outline": _outline(clip.peaks[channel]),
                    "spans": [s for s in facts.spans if s["channel"] == channel],
                }
                for channel, role in enumerate(facts.call["channel_roles"])
                if channel < len(clip.peaks)
            ],
            x=lambda seconds: round(
                _WIDTH * min(max(seconds - clip.start_s, 0), length) / length, 1
            ),
            colours=EMOTION_COLOURS,
            version=version("callqa"),
        )
    )


def _outline(peaks: Sequence[float]) -> str:
    """Points of a polygon: the peaks above the middle, and mirrored below it."""
    step, middle = _WIDTH / len(peaks), _HEIGHT / 2
    upper = [f"{n * step:.1f},{middle - peak * middle:.1f}" for n, peak in enumerate(peaks)]
    lower = [f"{n * step:.1f},{middle + peak * middle:.1f}" for n, peak in enumerate(peaks)]
    return " ".join([*upper, *reversed(lower)])
