"""What the stage stores of a recognizer's answers."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from callqa_assets.stages.emotions import STAGE
from callqa_assets.warehouse import tables
from tests.support.calls import write_call
from tests.support.direct import DirectRun
from tests.support.fake_models import FakeModels
from tests.support.snapshot import read_rows, read_tracks

DAY = "2025-03-14"


class EmbeddingModels(FakeModels):
    """Keeps of each segment where it begins, in both features."""

    def recognize(self, channels):
        return [
            [
                replace(felt, embedding=np.full(2, span.start_s, np.float32))
                for span, felt in zip(channel.segments, found, strict=True)
            ]
            for channel, found in zip(channels, super().recognize(channels), strict=True)
        ]


class ShortModels(FakeModels):
    """Lacks the posterior of one emotion."""

    def recognize(self, channels):
        return [
            [replace(felt, scores=felt.scores[:8]) for felt in found]
            for found in super().recognize(channels)
        ]


@pytest.fixture
def direct(home, warehouse, rules) -> DirectRun:
    write_call(home.drop, DAY, anger=0.2)
    return DirectRun(home, warehouse, rules)


def test_each_segment_has_its_scores_and_each_channel_its_numbered_spans(direct, home, warehouse):
    direct.run(FakeModels())
    scores = sorted(read_rows(warehouse, tables.emotion_scores), key=lambda row: row["channel"])
    assert [(row["channel"], row["role"], row["emotion"]) for row in scores] == [
        (0, "agent", "neutral"),
        (1, "customer", "angry"),
    ]
    for row in scores:
        assert row["confidence"] == row[row["emotion"]] > 0.5
        assert row["angry"] + row["neutral"] == pytest.approx(1)
        assert row["embedding_path"] is None
    spans = sorted(read_rows(warehouse, tables.emotion_spans), key=lambda row: row["channel"])
    assert [(row["channel"], row["span_no"], row["role"], row["emotion"]) for row in spans] == [
        (0, 0, "agent", "neutral"),
        (1, 0, "customer", "angry"),
    ]
    assert [(row["start_s"], row["end_s"]) for row in spans] == [(0.5, 1.75), (2.5, 5.25)]
    assert len(read_tracks(warehouse, home.root)) == 2 + 8


def test_embeddings_are_kept_in_the_order_of_the_rows(direct, home, warehouse):
    direct.run(EmbeddingModels())
    (path,) = {row["embedding_path"] for row in read_rows(warehouse, tables.emotion_scores)}
    assert np.load(home.root / path).tolist() == [[0.5, 0.5], [2.5, 2.5]]


def test_old_files_that_no_row_names_are_swept_with_the_day(direct, home, warehouse):
    direct.run(EmbeddingModels())
    (path,) = {row["embedding_path"] for row in read_rows(warehouse, tables.emotion_scores)}
    replaced = (home.root / path).with_name(f"{Path(path).name.partition('.')[0]}.older.npy")
    orphan = home.emotion_tracks / "orphan.parquet"
    for file in (replaced, orphan):
        file.touch()
        os.utime(file, (0, 0))
    STAGE.clean_up(direct.pipeline().context, [])
    assert (replaced.exists(), orphan.exists()) == (True, False)
    STAGE.clean_up(direct.pipeline().context, [DAY])
    assert not replaced.exists()
    assert (home.root / path).exists()


def test_an_answer_that_lacks_an_emotion_fails_its_recording(direct, warehouse):
    reports = direct.run(ShortModels())
    (error,) = reports["emotions", DAY].failed.values()
    assert error.startswith("ValueError")
    assert read_rows(warehouse, tables.emotion_scores) == []
