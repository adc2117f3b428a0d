"""The stage writes where personal data is, and its seconds; later texts replace it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from callqa_assets.domain.pii.masking import mask_spans
from callqa_assets.domain.speech import Word
from callqa_assets.warehouse import tables
from callqa_assets.warehouse.invariants import find_violations
from callqa_assets.warehouse.pii import count_pii, read_pii_spans
from tests.support.calls import write_call
from tests.support.direct import DirectRun
from tests.support.fake_models import FakeModels
from tests.support.snapshot import read_rows

pytestmark = pytest.mark.both_engines

DAY = "2025-03-14"
SAID = "电话幺三八零零幺三八零零零谢谢"


class TellingModels(FakeModels):
    """Each segment says the same, one character each 0.1 s."""

    said = SAID

    def transcribe(self, channels):
        return [
            [
                replace(
                    segment,
                    text=self.said,
                    text_raw=self.said,
                    words=[
                        Word(character, start + i / 10, start + (i + 1) / 10)
                        for i, character in enumerate(self.said)
                    ],
                )
                for segment, start in zip(
                    segments, (span.start_s for span in channel.segments), strict=True
                )
            ]
            for channel, segments in zip(channels, super().transcribe(channels), strict=True)
        ]


def test_what_is_stored_masks_the_stored_text_and_has_its_seconds(home, warehouse, rules):
    write_call(home.drop, DAY)
    DirectRun(home, warehouse, rules).run(TellingModels())
    rows = read_rows(warehouse, tables.pii_spans)
    texts = read_rows(warehouse, tables.transcripts)
    assert len(rows) == len(texts) == 2
    for row, text in zip(rows, texts, strict=True):
        assert text["text"][row["start_char"] : row["end_char"]] == "13800138000"
        assert text["text_raw"][row["raw_start_char"] : row["raw_end_char"]] == (
            "幺三八零零幺三八零零零"
        )
        assert (row["role"], row["channel"]) == (text["role"], text["channel"])
        assert row["start_s"] == pytest.approx(text["start_s"] + 0.2)
        assert row["end_s"] == pytest.approx(text["start_s"] + 1.3)
        assert (row["kind"], row["checked"], row["confidence"]) == ("mobile", False, "high")
    with warehouse.read() as connection:
        spans = read_pii_spans(connection, [rows[0]["recording_id"]])
        assert count_pii(connection, DAY) == {"mobile": 2}
        assert find_violations(connection, DAY) == {}
    assert [
        mask_spans(text["text"], spans[text["recording_id"], text["channel"], text["segment_no"]])
        for text in texts
    ] == ["电话138****8000谢谢"] * 2


def test_other_transcripts_replace_what_was_found(home, warehouse, rules):
    write_call(home.drop, DAY)
    direct = DirectRun(home, warehouse, rules)
    direct.run(TellingModels())
    later = TellingModels(version="2")
    later.said = "没有号码"
    reports = direct.run(later)
    assert reports["pii", DAY].computed == 1
    assert read_rows(warehouse, tables.pii_spans) == []
