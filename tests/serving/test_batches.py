"""What is posted is processed once, survives a kill, and is answered with what was heard."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import pytest
import sqlalchemy as sa

from callqa_assets.domain.speech import ModelIdentity
from callqa_assets.serving.settings import Limits
from callqa_assets.serving.upload_worker import process_uploads
from callqa_assets.warehouse import batches, tables
from resources.storage import uploads
from resources.storage.drop_folder import DropFolder
from resources.storage.uploads import IncomingBatch
from tests.support.fake_models import FakeModels
from tests.support.snapshot import read_rows


def incoming(home) -> list[str]:
    return sorted(p.name for p in (home.uploads / ".incoming").glob("*"))


@pytest.mark.both_engines
def test_posted_files_become_recordings_with_results(start, audio, home, warehouse):
    served = start()
    answer = served.post(("a.wav", audio(1)), ("b.wav", audio(2)), language="zh")
    assert answer.status_code == 202
    batch = answer.json()
    assert batch["status"] in ("queued", "processing")
    assert answer.headers["location"] == batch["status_url"]
    events = served.client.get(batch["status_url"] + "/events").text
    assert events.count("event: batch\n") == 1
    done = served.client.get(batch["status_url"]).json()
    assert (done["status"], [f["status"] for f in done["files"]]) == ("done", ["done", "done"])
    rows = {r["recording_id"]: r for r in read_rows(warehouse, tables.recordings)}
    for file in done["files"]:
        assert rows[file["recording_id"]]["language"] == "zh"
        assert file["text"]
        assert {s["role"] for s in file["segments"]} == {"agent", "customer"}
        assert "words" not in file["segments"][0]
    assert (
        "words"
        in served.client.get(batch["status_url"] + "?words=true").json()["files"][0]["segments"][0]
    )
    assert sorted(p.name for p in home.uploads.iterdir()) == [".incoming"]
    assert incoming(home) == []


def test_with_wait_the_results_are_answered_at_once(start, audio):
    served = start()
    answer = served.post(("a.wav", audio(1)), wait="20")
    assert answer.status_code == 200
    assert answer.json()["files"][0]["text"]
    answer = start(works=False).post(("b.wav", audio(2)), wait="0.3")
    assert (answer.status_code, answer.json()["status"]) == (202, "queued")


def test_the_same_file_is_the_same_recording_and_another_name_a_duplicate(start, audio, warehouse):
    served = start()
    first = served.post(("a.wav", audio(1)), wait="20").json()["files"][0]
    models_calls = len(read_rows(warehouse, tables.stage_runs))
    again = served.post(("a.wav", audio(1)), wait="20").json()["files"][0]
    renamed = served.post(("b.wav", audio(1)), wait="20").json()["files"][0]
    assert again["recording_id"] == first["recording_id"]
    assert renamed["duplicate_of"] == first["recording_id"] != renamed["recording_id"]
    assert renamed["text"] == again["text"] == first["text"]
    assert len(read_rows(warehouse, tables.stage_runs)) == models_calls


def test_a_file_that_cannot_be_read_fails_alone_with_its_reason(start, audio):
    served = start()
    batch = served.post(("bad.wav", b"RIFF no sound"), ("good.wav", audio(1)), wait="20").json()
    bad, good = batch["files"]
    assert (batch["status"], good["status"], bad["status"]) == ("done", "done", "failed")
    assert bad["reason"]
    assert served.post(("bad.wav", b"RIFF no sound"), wait="20").json()["status"] == "failed"


@dataclass
class TakesHotwords(FakeModels):
    """Writes its hotwords as the text, and numbers in words."""

    @property
    def transcriber_identity(self) -> ModelIdentity:
        return replace(super().transcriber_identity, takes_hotwords=True)

    def transcribe(self, channels):
        return [
            [
                replace(said, text="一百五十八块五" + "".join(channel.hotwords), language="zh")
                for said in found
            ]
            for channel, found in zip(channels, super().transcribe(channels), strict=True)
        ]


def test_language_and_hotwords_are_facts_and_keep_what_was_known(start, audio, warehouse, home):
    served = start(TakesHotwords())
    first = served.post(("a.wav", audio(1)), wait="20").json()["files"][0]
    with warehouse.write() as connection:
        connection.execute(sa.update(tables.recordings).values(agent_id="1007"))
    given = served.post(
        ("a.wav", audio(1)), language="zh-CN", hotwords="客服电话\n营业时间", wait="20"
    ).json()
    (row,) = read_rows(warehouse, tables.recordings)
    assert (row["language"], row["hotwords"]) == ("zh", "客服电话\n营业时间")
    assert row["agent_id"] == "1007"
    assert "客服电话" not in first["text"]
    assert "客服电话营业时间" in given["files"][0]["text"]


def test_with_itn_enabled_false_the_text_as_decoded_is_answered(start, audio):
    served = start(TakesHotwords())
    written = served.post(("a.wav", audio(1)), itn_enabled="True", wait="20").json()["files"][0]
    decoded = served.post(("a.wav", audio(1)), itn_enabled="False", wait="20").json()["files"][0]
    assert "158.5元" in written["text"]
    assert decoded["text"] == decoded["text_raw"] == written["text_raw"]


def test_an_idempotency_key_is_one_batch_however_often_and_at_once(start, audio, warehouse):
    served = start(works=False)

    def post(_: int) -> str:
        sent = served.post(("a.wav", audio(1)), headers={"Idempotency-Key": "k1"})
        return sent.json()["batch_id"]

    with ThreadPoolExecutor(4) as threads:
        ids = set(threads.map(post, range(8)))
    assert len(ids) == 1
    assert len(read_rows(warehouse, tables.batches)) == 1
    served.post(("a.wav", audio(1)), headers={"Idempotency-Key": "k2"})
    assert len(read_rows(warehouse, tables.batches)) == 2


def test_after_a_kill_a_known_batch_is_shown_and_an_unknown_one_removed(
    start, audio, home, warehouse, direct
):
    batch_id = start(works=False).post(("a.wav", audio(1))).json()["batch_id"]
    hidden = home.uploads / ".incoming"
    (home.uploads / batch_id).rename(hidden / batch_id)
    (hidden / "half").mkdir()
    with warehouse.read() as connection:
        uploads.recover(home.uploads, batches.read_batch_ids(connection))
    assert incoming(home) == []
    pipeline = replace(direct.pipeline(FakeModels()), drop=DropFolder(home.uploads))
    assert process_uploads(pipeline).finished == 1
    assert [row["status"] for row in read_rows(warehouse, tables.batch_files)] == ["done"]


def test_a_batch_that_is_recorded_stays_though_it_cannot_be_shown(
    start, audio, home, warehouse, monkeypatch
):
    served = start(works=False)
    with monkeypatch.context() as broken:
        broken.setattr(IncomingBatch, "show", lambda batch: 1 / 0)
        assert served.post(("a.wav", audio(1))).status_code == 500
    (row,) = read_rows(warehouse, tables.batches)
    assert incoming(home) == [row["batch_id"]]
    uploads.recover(home.uploads, {row["batch_id"]})
    assert (home.uploads / row["batch_id"] / "0" / "a.wav").exists()


def test_a_batch_that_cannot_be_recorded_leaves_nothing(start, audio, home, monkeypatch):
    served = start(works=False)
    monkeypatch.setattr(batches, "insert_batch", lambda connection, batch: 1 / 0)
    assert served.post(("a.wav", audio(1))).status_code == 500
    assert incoming(home) == []


def test_an_upload_that_vanished_is_said_to_have(start, audio, home, warehouse, direct):
    batch_id = start(works=False).post(("a.wav", audio(1)), ("b.wav", audio(2))).json()["batch_id"]
    pipeline = replace(direct.pipeline(FakeModels()), drop=DropFolder(home.uploads))
    pipeline.scan()
    (home.uploads / batch_id / "0" / "a.wav").unlink()
    report = process_uploads(pipeline)
    report = process_uploads(pipeline) if report.waiting else report
    first, second = read_rows(warehouse, tables.batch_files)
    assert (first["status"], second["status"]) == ("failed", "done")
    assert "removed" in first["reason"]


def test_files_that_others_hold_do_not_keep_the_rest_waiting(start, audio, home, warehouse, direct):
    start(works=False).post(("a.wav", audio(1)), ("b.wav", audio(2)))
    pipeline = replace(direct.pipeline(FakeModels()), drop=DropFolder(home.uploads))
    with warehouse.read() as connection:
        first, _ = batches.read_queued(connection)
    assert process_uploads(pipeline, {first.file_id}).finished == 1
    with warehouse.read() as connection:
        assert [file.file_id for file in batches.read_queued(connection)] == [first.file_id]


@pytest.mark.parametrize(
    ("send", "status", "word"),
    [
        (lambda s: s.client.post("/api/batch_transcribe", json={}), 415, "multipart"),
        (lambda s: s.post(("a.wav", b"x"), field="file"), 400, "`audio`"),
        (lambda s: s.post(*[(f"{n}.wav", b"x") for n in range(4)]), 413, "more than 3 files"),
        (lambda s: s.post(("a.wav", b"x" * 5_000)), 413, "drop folder"),
        (lambda s: s.post(("a.wav", b"x"), language="Chinese!"), 400, "ISO 639"),
        (lambda s: s.post(("a.wav", b"x"), itn_enabled="perhaps"), 400, "true or false"),
        (lambda s: s.post(("a.wav", b"x"), hotwords="退费!"), 400, "one a line"),
        (lambda s: s.post(("a.wav", b"x"), hotwords="长" * 21), 400, "20 characters"),
        (lambda s: s.post(("a.wav", b"x"), wait="forever"), 400, "seconds"),
        (lambda s: s.post(("a.wav", b"x"), wait="nan"), 400, "seconds"),
        (lambda s: s.post(("a.wav", b"x"), headers={"Idempotency-Key": "k" * 201}), 400, "200"),
        (
            lambda s: s.client.post(
                "/api/batch_transcribe",
                content=b"--b\r\nContent-Disposition: form-data; name=audio; filename=a\r\n\r\nx",
                headers={"content-type": "multipart/form-data; boundary=b"},
            ),
            400,
            "last boundary",
        ),
        (
            lambda s: s.client.post(
                "/api/batch_transcribe",
                content=b"nonsense",
                headers={"content-type": "multipart/form-data; boundary=b"},
            ),
            400,
            "well-formed",
        ),
        (lambda s: s.client.get("/api/batches/none"), 404, "no batch"),
        (lambda s: s.client.get("/api/batches?after=x"), 400, "cursors"),
        (lambda s: s.client.get("/api/batches?limit=0"), 400, "limit"),
        (lambda s: s.client.get("/nothing"), 404, "Not Found"),
    ],
)
def test_a_request_that_cannot_be_answered_says_why_and_leaves_nothing(
    start, home, warehouse, send, status, word
):
    limits = Limits(max_file_bytes=4_000, max_files=3, min_free_bytes=0)
    answer = send(start(limits=limits, works=False))
    assert answer.status_code == status
    assert word in answer.json()["error"]
    assert incoming(home) == []
    assert read_rows(warehouse, tables.batches) == []


def test_a_full_disk_refuses_before_anything_is_written(start, audio, home):
    answer = start(limits=Limits(min_free_bytes=1 << 60)).post(("a.wav", audio(1)))
    assert answer.status_code == 507
    assert not (home.uploads / ".incoming").exists()


def test_batches_are_listed_page_by_page(start, audio):
    served = start(works=False)
    ids = [served.post((f"{n}.wav", audio(1))).json()["batch_id"] for n in range(5)]
    listed, after = [], ""
    while after is not None:
        page = served.client.get("/api/batches", params={"limit": 2, "after": after}).json()
        listed += [batch["batch_id"] for batch in page["batches"]]
        after = page["next"]
    assert listed == ids[::-1]


def test_uploads_leave_the_files_of_other_drop_folders_alone(start, audio, home, direct, warehouse):
    (home.drop / "20250314-093000_1001_1.wav").write_bytes(audio(7))
    direct.scan_once()
    (row,) = read_rows(warehouse, tables.intake)
    served = start()
    served.post(("20250314-100000_1001_2.wav", audio(8)), wait="20")
    assert (home.drop / "20250314-093000_1001_1.wav").exists()
    with warehouse.read() as connection:
        days = connection.execute(sa.select(tables.recordings.c.day)).scalars().all()
    assert days == ["2025-03-14"]
    assert row["state"] == "stable"
