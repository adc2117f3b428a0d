"""Embeddings in the lake: named by the rows, whole, never replaced under a row that names them."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

from callqa_assets.domain.speech import ModelIdentity
from callqa_assets.warehouse.results import named_embeddings, rows_writer
from callqa_assets.warehouse.tables import emotion_scores
from resources.storage.lake import EmotionLake
from tests.support.calls import write_call
from tests.support.direct import DirectRun
from tests.support.fake_models import FakeModels

DAY = "2025-03-14"
ID = "3f" + "0" * 30


@dataclass
class EmbeddingModels(FakeModels):
    """Toy models that give back each segment's number and their version as its embedding."""

    @property
    def emotion_identity(self) -> ModelIdentity:
        return ModelIdentity("toy-ser", "0" * 64, {"version": self.version})

    def recognize(self, channels: Any) -> Any:
        recognized = super().recognize(channels)
        return [
            [
                replace(emotion, embedding=np.array([segment.start_s, float(self.version)], "f4"))
                for emotion, segment in zip(part, channel.segments, strict=True)
            ]
            for part, channel in zip(recognized, channels, strict=True)
        ]


@pytest.fixture
def direct(home, warehouse, rules):
    for seed in range(3):
        write_call(home.drop, DAY, clock=f"09300{seed}", seed=seed, anger=0.1)
    return DirectRun(home, warehouse, rules)


def read_scores(warehouse):
    with warehouse.read() as connection:
        query = sa.select(emotion_scores).order_by(*emotion_scores.primary_key.columns)
        return connection.execute(query).all()


def test_every_row_names_the_file_in_which_its_recording_s_embeddings_are_in_order(direct):
    direct.run(EmbeddingModels())
    rows = read_scores(direct.warehouse)
    assert len({row.embedding_path for row in rows}) == 3
    for recording_id in {row.recording_id for row in rows}:
        own = [row for row in rows if row.recording_id == recording_id]
        (path,) = {row.embedding_path for row in own}
        assert path.startswith(f"lake/embeddings/{recording_id[:2]}/{recording_id}.")
        embeddings = np.load(direct.home.root / path, allow_pickle=False)
        np.testing.assert_allclose(embeddings[:, 0], [row.start_s for row in own])


def test_without_embeddings_no_file_is_written_and_none_named(direct):
    direct.run(FakeModels())
    assert {row.embedding_path for row in read_scores(direct.warehouse)} == {None}
    assert not direct.home.embeddings.exists()


def test_another_model_s_embeddings_replace_no_file_before_its_rows_do(direct):
    direct.run(EmbeddingModels("1"))
    before = {row.embedding_path for row in read_scores(direct.warehouse)}
    contents = {path: (direct.home.root / path).read_bytes() for path in before}
    direct.run(EmbeddingModels("2"))
    after = {row.embedding_path for row in read_scores(direct.warehouse)}
    assert not before & after
    assert {path: (direct.home.root / path).read_bytes() for path in before} == contents
    two_days_ago = time.time() - 2 * 86_400
    for path in before | after:
        os.utime(direct.home.root / path, (two_days_ago, two_days_ago))
    with direct.warehouse.read() as connection:
        named = named_embeddings(connection, DAY)
    assert set(EmotionLake(direct.home).sweep_embeddings(named)) == before
    assert {
        str(path.relative_to(direct.home.root)) for path in direct.home.embeddings.glob("*/*")
    } == after


def test_the_same_embeddings_are_the_same_file(home):
    lake = EmotionLake(home)
    embeddings = np.ones((2, 3), np.float32)
    assert lake.write_embeddings(ID, embeddings) == lake.write_embeddings(ID, embeddings)
    assert len(list(home.embeddings.glob("*/*"))) == 1


def test_a_sweep_leaves_young_files_and_those_of_other_recordings(home):
    lake = EmotionLake(home)
    young = lake.write_embeddings(ID, np.ones((1, 3), np.float32))
    other = lake.write_embeddings("3f" + "1" * 30, np.ones((1, 3), np.float32))
    os.utime(home.root / other, (0, 0))
    assert lake.sweep_embeddings({ID: set()}) == []
    assert (home.root / young).exists()
    assert (home.root / other).exists()


def test_embeddings_of_a_recording_without_rows_are_swept_too(direct):
    """CallAnnotations again by a detector that finds no speech in it, say."""
    direct.run(EmbeddingModels())
    (path, recording_id) = {
        (row.embedding_path, row.recording_id) for row in read_scores(direct.warehouse)
    }.pop()
    with direct.warehouse.write() as connection:
        write = rows_writer("emotions")
        write(connection, {recording_id: DAY}, {recording_id: {emotion_scores: []}})
    os.utime(direct.home.root / path, (0, 0))
    with direct.warehouse.read() as connection:
        named = named_embeddings(connection, DAY)
    assert EmotionLake(direct.home).sweep_embeddings(named) == [path]


def test_two_runs_may_sweep_at_once(home):
    lake = EmotionLake(home)
    orphans = {f"{number}.parquet" for number in range(500)}
    for name in orphans:
        (home.emotion_tracks / name).touch()
        os.utime(home.emotion_tracks / name, (0, 0))
    with ThreadPoolExecutor(4) as pool:
        removed = list(pool.map(lake.sweep, [set[str]()] * 4))
    names = [path.rpartition("/")[2] for part in removed for path in part]
    assert sorted(names) == sorted(orphans)
