"""What the stage adds to a transcriber: hotwords by queue, numerals as digits, alignment."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from callqa_assets.domain.text.hotwords import HotwordLists
from callqa_assets.warehouse import tables
from tests.support.calls import write_call
from tests.support.direct import DirectRun
from tests.support.fake_models import FakeModels
from tests.support.snapshot import read_rows

DAY = "2025-03-14"


class ListeningModels(FakeModels):
    """Takes hotwords, and writes those that it got behind a number."""

    text = "一百五十八块五"
    language = "zh"

    @property
    def transcriber_identity(self):
        return replace(super().transcriber_identity, takes_hotwords=True)

    def transcribe(self, channels):
        return [
            [
                replace(
                    segment,
                    language=self.language,
                    text_raw=self.text + "".join(channel.hotwords),
                    text=f"好,{self.text}。" + "".join(channel.hotwords),
                    doubtful_hotwords=list(channel.hotwords),
                    text_without_hotwords=self.text if channel.hotwords else None,
                )
                for segment in segments
            ]
            for channel, segments in zip(channels, super().transcribe(channels), strict=True)
        ]


@pytest.fixture
def transcribe(home, warehouse, rules):
    """Transcribe the calls of two queues with these models and lists."""
    for number, queue in enumerate(("loans", "sales", None)):
        path = write_call(home.drop, DAY, f"100{number}", seed=number)
        if queue:
            path.with_suffix(".json").write_text(json.dumps({"queue": queue}))
    DirectRun(home, warehouse, rules).run(FakeModels())

    def run(models, lists):
        direct = DirectRun(home, warehouse, rules, HotwordLists(lists))
        reports = direct.pipeline(models).run_stages([DAY], run_id="run", names=["transcripts"])
        return reports["transcripts", DAY].computed

    return run


def read_texts(warehouse):
    """Raw texts by queue."""
    queues = {r["recording_id"]: r["queue"] for r in read_rows(warehouse, tables.recordings)}
    rows = read_rows(warehouse, tables.transcripts)
    return {queues[row["recording_id"]]: row["text_raw"] for row in rows}


def test_a_queue_s_hotwords_reach_its_calls_and_no_other(transcribe, warehouse):
    transcribe(ListeningModels(), {"default": ("开户",), "loans": ("还款",)})
    number = ListeningModels.text
    assert read_texts(warehouse) == {
        "loans": number + "开户还款",
        "sales": number + "开户",
        None: number + "开户",
    }


def test_a_changed_list_recomputes_exactly_the_transcripts_that_it_concerns(transcribe):
    lists = {"default": ("开户",), "loans": ("还款",)}
    assert transcribe(ListeningModels(), lists) == 3
    assert transcribe(ListeningModels(), lists) == 0
    assert transcribe(ListeningModels(), {**lists, "loans": ("账单",)}) == 1
    assert transcribe(ListeningModels(), {**lists, "loans": ("账单",), "other": ("保险",)}) == 0
    assert transcribe(ListeningModels(), {"default": ("销户",), "loans": ("账单",)}) == 3


def test_a_changed_list_recomputes_nothing_of_a_model_without_hotwords(transcribe):
    assert transcribe(FakeModels(), {"default": ("开户",)}) == 0


def test_numerals_become_digits_and_every_text_is_kept(transcribe, warehouse):
    transcribe(ListeningModels(), {"default": ("开户",)})
    for row in read_rows(warehouse, tables.transcripts):
        assert row["text_raw"] == "一百五十八块五开户"
        assert row["text"] == "好,158.5元。开户"
        assert row["alignment"] == [[0, 0, 0, 2], [0, 7, 2, 8], [7, 7, 8, 9]]
        assert row["doubtful_hotwords"] == ["开户"]
        assert row["text_without_hotwords"] == "一百五十八块五"


def test_only_chinese_numerals_become_digits(transcribe, warehouse):
    models = ListeningModels(version="2")
    models.language = "ja"
    transcribe(models, {})
    assert {row["text"] for row in read_rows(warehouse, tables.transcripts)} == {
        "好,一百五十八块五。"
    }
