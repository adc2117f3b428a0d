"""An alert's evidence needs nothing else, and its replay tells whether it would fire again."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, replace

import pytest
import soundfile as sf
import sqlalchemy as sa
from typer.testing import CliRunner

from callqa_assets.cli import app
from callqa_assets.domain.speech import ModelIdentity
from callqa_assets.evidence.clip import cut_clip
from callqa_assets.evidence.facts import EvidenceError, read_alert_facts
from callqa_assets.evidence.page import write_page
from callqa_assets.evidence.replay import replay
from callqa_assets.warehouse import tables
from resources.settings import Settings
from tests.support.calls import RULES, write_call
from tests.support.direct import DirectRun
from tests.support.fake_models import FakeModels
from tests.support.snapshot import read_rows

DAY = "2025-03-14"


class Speaking(FakeModels):
    def transcribe(self, channels):
        return [
            [replace(said, text="我的电话13800138000", language="zh") for said in found]
            for found in super().transcribe(channels)
        ]


@pytest.fixture
def direct(home, warehouse, rules) -> DirectRun:
    return DirectRun(home, warehouse, rules)


@pytest.fixture
def facts(direct, home, warehouse):
    write_call(home.drop, DAY, anger=0.2)
    direct.run(Speaking())
    (alert,) = read_rows(warehouse, tables.alerts)
    with warehouse.read() as connection:
        return read_alert_facts(connection, alert["alert_id"])


def again(facts, models=None):
    return replay(Settings.from_environment(), facts, open_models=lambda: models or Speaking())


@pytest.mark.both_engines
def test_the_page_has_sound_waveform_emotions_words_rule_and_hashes(facts, home):
    alert = facts.alert
    clip = cut_clip(home.root / facts.archive_path, facts.encoding, 2.5, 5.5)
    page = write_page(facts, clip)
    for fact in (
        *("anger", alert["alert_id"], alert["rule_hash"], alert["evidence"]["audio_sha256"]),
        *facts.fingerprints.values(),
        "threshold: 0.5",
        "138****8000",
        "agent 1001",
    ):
        assert fact in page
    assert "13800138000" not in page
    assert not re.search(r'(?:src|href)="(?!data:)', page)
    assert page.count("<polygon") == 2
    sound = base64.b64decode(re.search(r'src="data:audio/wav;base64,(.*?)"', page)[1])
    (home.root / "clip.wav").write_bytes(sound)
    assert sf.info(home.root / "clip.wav").duration == 6.0


def test_a_clip_is_the_stretch_around_its_alert(home):
    path = write_call(home.drop, DAY)
    clip = cut_clip(path, None, 14.0, 15.0)
    assert (clip.start_s, clip.end_s) == (4.0, 6.0)
    assert len(clip.peaks) == 2
    assert max(map(max, clip.peaks)) == 1.0
    with pytest.raises(EvidenceError, match="restore it"):
        cut_clip(home.root / "none.wav", None, 0.0, 1.0)


def test_the_same_models_fire_the_same_and_nothing_stored_changes(facts, home, warehouse):
    before = read_rows(warehouse, tables.stage_runs), sorted(home.root.rglob("*"))
    found = again(facts)
    assert (found.is_same, found.is_same_sound, found.changed) == (True, True, {})
    assert found.fired["alert_id"] == facts.alert["alert_id"]
    assert (read_rows(warehouse, tables.stage_runs), sorted(home.root.rglob("*"))) == before


def test_rules_that_changed_since_do_not_matter(facts, rules):
    rules.write_text(RULES.format(threshold=0.99))
    assert again(facts).is_same


@dataclass
class Calm(Speaking):
    """Another emotion model, which hears no anger."""

    @property
    def emotion_identity(self) -> ModelIdentity:
        return replace(super().emotion_identity, weights_sha256="1" * 64)

    def recognize(self, channels):
        quiet = [replace(channel, waveform=channel.waveform[:] * 0.1) for channel in channels]
        return super().recognize(quiet)


def test_another_model_is_named_and_what_it_does_not_find_is_said(facts):
    found = again(facts, Calm())
    assert list(found.changed) == ["emotions"]
    assert (found.fired, found.is_same) == (None, False)


def test_a_file_that_was_tampered_with_is_told(facts, home):
    path = home.root / facts.archive_path
    path.chmod(0o600)
    write_call(path.parent, DAY, anger=0.2, seed=5, name=path.name)
    assert not again(facts).is_same_sound
    path.unlink()
    with pytest.raises(EvidenceError, match="backup"):
        again(facts)


def test_an_unknown_alert_is_refused(warehouse):
    with warehouse.read() as connection, pytest.raises(EvidenceError, match="no alert"):
        read_alert_facts(connection, "0" * 32)


@pytest.mark.integration
def test_a_person_writes_the_evidence_of_a_real_alert_and_replays_it(process_real_call, tmp_path):
    home, alert_id = process_real_call

    def callqa(*arguments: str) -> str:
        result = CliRunner().invoke(app, [*arguments, "--home", str(home)], catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.output

    out = tmp_path / "evidence.html"
    assert callqa("evidence", alert_id[:8], "--out", str(out)) == f"written: {out}\n"
    assert "customer_anger" in out.read_text("utf-8")
    told = callqa("replay", alert_id[:8])
    assert "audio: the archived file is the one that was heard" in told
    assert "models: the same weights, settings and code" in told
    assert told.endswith("replay: it fires the same\n")


@pytest.fixture
def process_real_call(home, warehouse, models_dir, monkeypatch):
    """The demo's complaint, by the real models."""
    import shutil

    from callqa_assets.pipeline import Pipeline
    from resources.storage.home import REPO

    monkeypatch.setenv("CALLQA_MODELS", str(models_dir))
    for name in ("complaint.flac", "complaint.flac.json"):
        shutil.copyfile(REPO / "data" / "samples" / "calls" / name, home.drop / name)
    pipeline = Pipeline.open(Settings.from_environment())
    pipeline.scan()
    for day in pipeline.days():
        pipeline.run_day(day, run_id="run")
    with warehouse.read() as connection:
        query = sa.select(tables.alerts.c.alert_id).where(tables.alerts.c.rule == "customer_anger")
        return home.root, connection.execute(query).scalar_one()
