"""A long call, whose sound is on disk while it is computed, has the results of a short one."""

from __future__ import annotations

import functools

import numpy as np
import pytest

from callqa_assets.domain.audio.resampling import resample_blocks
from callqa_assets.domain.speech import SpeechChannel
from resources.settings import Settings
from resources.speech_models.loader import SpeechModels
from resources.storage import archive
from resources.storage.archive import open_recording
from resources.storage.home import Home
from resources.storage.spooled_sound import SpooledSound, spool
from tests.support.calls import write_call
from tests.support.direct import DirectRun
from tests.support.fake_models import FakeModels
from tests.support.snapshot import read_snapshot, read_tracks

DAY = "2025-03-14"


def test_every_stage_computes_the_same_from_disk(home: Home, warehouse, rules, monkeypatch):
    for seed in range(2):
        write_call(home.drop, DAY, f"10{seed}", seed=seed, anger=0.2)
    direct = DirectRun(home, warehouse, rules)
    direct.run(FakeModels())
    in_memory = read_snapshot(warehouse), read_tracks(warehouse, home.root)
    assert in_memory[0]["alerts"]

    kinds: set[str] = set()
    models = FakeModels(
        before=lambda _, items: kinds.update(
            type(getattr(item, "waveform", item)).__name__ for item in items
        )
    )
    monkeypatch.setattr(archive, "spool", functools.partial(spool, max_memory_bytes=0))
    direct.run(models, force=True)
    assert kinds == {"SpooledSound"}
    again = read_snapshot(warehouse), read_tracks(warehouse, home.root)
    results = ("segments", "transcripts", "emotion_scores", "emotion_spans", "alerts")
    assert {name: again[0][name] for name in results} == {
        name: in_memory[0][name] for name in results
    }
    assert again[1] == in_memory[1]


@pytest.mark.integration
def test_real_models_find_the_same_on_disk_as_in_memory(testdata, models_dir, tmp_path):
    path = testdata / "calls" / "en_support_10s_stereo_16k.flac"
    with open_recording(path) as stream:
        blocks = list(resample_blocks(stream, stream.sample_rate_hz))
    in_memory = spool(blocks, tmp_path)
    on_disk = spool(blocks, tmp_path, max_memory_bytes=0)
    assert all(isinstance(sound, np.ndarray) for sound in in_memory)
    assert all(isinstance(sound, SpooledSound) for sound in on_disk)

    models = SpeechModels(Settings.from_environment({}).load_profile(), models_dir)
    spans = models.detector().detect(in_memory)
    assert any(spans)
    assert models.detector().detect(on_disk) == spans
    found = [
        (
            models.transcriber().transcribe(channels),
            [
                [(*emotion.scores, *emotion.windows.ravel()) for emotion in channel]
                for channel in models.emotion_recognizer().recognize(channels)
            ],
        )
        for channels in (
            [SpeechChannel(sound, part) for sound, part in zip(sounds, spans, strict=True)]
            for sounds in (in_memory, on_disk)
        )
    ]
    assert found[0] == found[1]
