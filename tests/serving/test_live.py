"""A call that is streamed becomes a recording, whatever happens to its connection or the server."""

from __future__ import annotations

import json
import time
from contextlib import ExitStack

import numpy as np
import pytest
import soundfile as sf
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from callqa_assets.domain.live.live_config import load_live_config
from callqa_assets.warehouse import tables
from resources.live_audio.recording import LiveRecording
from tests.support.snapshot import read_rows

RATE_HZ = 8_000
CONFIG = """
sources: [{{name: fs, channel_roles: [customer, agent]}}]
resume_sec: {resume_sec}
max_sessions: 2
max_hours: {max_hours}
"""


@pytest.fixture
def live(start, direct):
    """Start a server that takes streams; returns it, and how to connect."""

    def run(resume_sec=5, max_hours=4, **options):
        text = CONFIG.format(resume_sec=resume_sec, max_hours=max_hours)
        served = start(live=load_live_config(text, source="live.yaml"), **options)
        base = str(served.client.base_url).replace("http", "ws").rstrip("/")
        return served, lambda source="fs", **kw: connect(f"{base}/live/fork/{source}", **kw)

    return run


@pytest.fixture
def connections():
    """Connections that are cut: nothing is said at their end."""
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def pcm(audio, tmp_path) -> bytes:
    """A stereo call as L16."""
    (tmp_path / "call.wav").write_bytes(audio(1, anger=0.2))
    sound, _ = sf.read(tmp_path / "call.wav", dtype="int16")
    return np.ascontiguousarray(sound).tobytes()


def send(websocket, pcm: bytes, piece: int = 641) -> None:
    for start in range(0, len(pcm), piece):
        websocket.send(pcm[start : start + piece])


def wait_for_results(served, count: int = 1):
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        batches = served.client.get("/api/batches").json()["batches"]
        if len(batches) == count and all(b["status"] in ("done", "failed") for b in batches):
            return [served.client.get(b["status_url"]).json()["files"][0] for b in batches]
        time.sleep(0.05)
    raise AssertionError(f"no results: {batches}")


@pytest.mark.both_engines
def test_a_streamed_call_is_processed_with_its_facts_and_channels(live, pcm, warehouse, home):
    served, join = live()
    with join() as websocket:
        websocket.send(json.dumps({"call_id": "C-1", "agent_id": "1007", "queue": "vip"}))
        send(websocket, pcm)
        websocket.send("bye")
        with pytest.raises(ConnectionClosed):
            websocket.recv(timeout=5)
    (file,) = wait_for_results(served)
    assert file["status"] == "done"
    assert {segment["role"] for segment in file["segments"]} == {"agent", "customer"}
    (row,) = read_rows(warehouse, tables.recordings)
    facts = ("call_id", "agent_id", "queue", "time_source", "channels", "duration_s")
    assert [row[name] for name in facts] == ["C-1", "1007", "vip", "sidecar", 2, 6.0]
    assert row["metadata"]["live_source"] == "fs"
    assert list(home.live.iterdir()) == []


def test_a_connection_that_just_closes_ends_its_call(live, pcm, warehouse):
    served, join = live()
    with join() as websocket:
        send(websocket, pcm)
    (file,) = wait_for_results(served)
    assert file["duration_s"] == 6.0


def test_a_call_comes_back_within_seconds_and_its_gap_is_silence(live, connections, pcm, warehouse):
    served, join = live(resume_sec=5)
    half = len(pcm) // 2
    first = connections.enter_context(join())
    first.send('{"call_id": "C-2"}')
    send(first, pcm[:half])
    first.socket.close()  # as a cable that is pulled
    assert _wait(lambda: any(s.broken_at is not None for s in served.context.live._open))
    with join() as again:
        again.send('{"call_id": "C-2"}')
        send(again, pcm[half:])
        again.send("bye")
        with pytest.raises(ConnectionClosed):
            again.recv(timeout=5)
    (file,) = wait_for_results(served)
    (row,) = read_rows(warehouse, tables.recordings)
    assert 6.0 < file["duration_s"] < 8.0
    assert row["metadata"]["live_gaps_s"] == pytest.approx(file["duration_s"] - 6.0, abs=0.01)


def test_a_call_that_does_not_come_back_is_processed_as_far_as_it_went(live, connections, pcm):
    served, join = live(resume_sec=0.2)
    websocket = connections.enter_context(join())
    websocket.send('{"call_id": "C-3"}')
    send(websocket, pcm[: len(pcm) // 2])
    websocket.socket.close()
    (file,) = wait_for_results(served)
    assert 2.5 < file["duration_s"] <= 3.0


def test_more_calls_than_may_be_are_told_to_try_later(live):
    _, join = live()
    with join() as one, join() as two, join() as three:
        for websocket in (one, two, three):
            websocket.send("{}")
            websocket.send(bytes(640))
        with pytest.raises(ConnectionClosed) as closed:
            three.recv(timeout=5)
        assert closed.value.rcvd.code == 1013


def test_an_unknown_source_and_a_foreign_page_are_refused(live, pcm):
    _, join = live()
    with join("nobody") as websocket, pytest.raises(ConnectionClosed) as closed:
        websocket.recv(timeout=5)
    assert closed.value.rcvd.code == 4404
    with pytest.raises(InvalidStatus, match="403"), join(origin="https://evil.example"):
        pass


def test_a_long_call_goes_on_as_another_recording(live, pcm, warehouse):
    served, join = live(max_hours=2 / 3600)
    with join() as websocket:
        websocket.send('{"call_id": "C-4"}')
        send(websocket, pcm)
        websocket.send("bye")
        with pytest.raises(ConnectionClosed):
            websocket.recv(timeout=5)
    files = wait_for_results(served, 3)
    assert sum(file["duration_s"] for file in files) == pytest.approx(6.0, abs=0.001)
    assert {r["call_id"] for r in read_rows(warehouse, tables.recordings)} == {"C-4"}


def test_what_a_kill_left_is_taken_up_once(live, pcm, home, warehouse):
    facts = {"call_id": "C-5", "live_source": "fs", "channel_roles": ["customer", "agent"]}
    recording = LiveRecording(home.live, "5e55", RATE_HZ, 2, facts)
    recording.write(pcm)
    recording.sync()  # and nothing more: its process is killed
    served, _ = live()
    served.context.live.recover()
    served.context.live.recover()
    (file,) = wait_for_results(served)
    assert file["duration_s"] == 6.0
    (row,) = read_rows(warehouse, tables.recordings)
    assert (row["call_id"], row["metadata"]["live_cut_off"]) == ("C-5", True)


def _wait(condition, seconds: float = 5) -> bool:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return condition()
