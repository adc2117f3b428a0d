"""`callqa serve` as a process, with real models, real clients and a real kill -9."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import numpy as np
import pytest
import requests
import soundfile as sf
from websockets.sync.client import connect

from callqa_assets.warehouse import tables
from callqa_assets.warehouse.database import open_warehouse
from resources.storage.home import REPO, Home
from tests.support.snapshot import read_rows

pytestmark = pytest.mark.integration

CALLS = REPO / "data" / "samples" / "calls"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return listening.getsockname()[1]


@pytest.fixture
def run(prepared: Home, tmp_path, models_dir):
    """Start `callqa serve` on a home; returns its process and the port of its page."""
    home = tmp_path / "home"
    shutil.copytree(prepared.root, home)
    started: list[subprocess.Popen[bytes]] = []

    def start(*options: str) -> tuple[subprocess.Popen[bytes], int]:
        api, ui = free_port(), free_port()
        addresses = ["--listen", f"127.0.0.1:{api}", "--ui", f"127.0.0.1:{ui}"]
        program = "import sys; from callqa_assets.cli import main; main()"
        command = [
            sys.executable,
            "-c",
            program,
            "serve",
            "--home",
            str(home),
            *addresses,
            *options,
        ]
        process = subprocess.Popen(
            command,
            env={**os.environ, "CALLQA_MODELS": str(models_dir)},
            cwd=REPO,
            stderr=(tmp_path / "log").open("ab"),
        )
        started.append(process)
        for port in (api, ui):
            wait_until(lambda port=port: is_healthy(port))
        return process, ui

    yield home, start
    for process in started:
        process.kill()
        process.wait()


def is_healthy(port: int) -> bool:
    try:
        return httpx.post(f"http://127.0.0.1:{port}/health").json() == {"status": "healthy"}
    except httpx.HTTPError:
        return False


def wait_until(condition, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_second_server_of_a_home_and_an_address_in_use_are_refused(run, prepared):
    _, start = run
    _, port = start()
    program = "from callqa_assets.cli import main; main()"

    def refuse(home: Path, word: str) -> None:
        command = [sys.executable, "-c", program, "serve", "--home", str(home)]
        done = subprocess.run(
            [*command, "--listen", f"127.0.0.1:{port}", "--ui", "127.0.0.1:1"],
            cwd=REPO,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode != 0
        assert word in done.stderr

    refuse(run[0], "stop it first")
    refuse(prepared.root, "name another address")


def test_the_published_client_works_as_it_stands_and_a_kill_loses_nothing(
    run, tmp_path, monkeypatch
):
    home, start = run
    process, port = start()
    monkeypatch.chdir(tmp_path)
    samples = sorted(path for path in CALLS.glob("*.flac") if path.stat().st_size > 50_000)
    for number, sample in enumerate(samples[:5], 1):
        shutil.copyfile(sample, f"call_{number}.wav")
    # The source's lines; only the port is another.
    files = [("audio", open(f"call_{i}.wav", "rb")) for i in range(1, 6)]  # noqa: SIM115, PTH123
    data = {"language": "zh", "itn_enabled": True, "hotwords": "客服电话\n营业时间\n退费政策"}
    response = requests.post(
        f"http://localhost:{port}/api/batch_transcribe", files=files, data=data, timeout=60
    )
    batch = response.json()
    assert response.status_code == 202
    assert len(batch["files"]) == 5

    warehouse = open_warehouse(f"sqlite:///{home / 'callqa.db'}")
    wait_until(lambda: read_rows(warehouse, tables.segments) != [])
    process.send_signal(signal.SIGKILL)
    process.wait()
    _, port = start()
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=120) as client:
        client.get(batch["status_url"] + "/events")
        done = client.get(batch["status_url"]).json()
    assert done["status"] == "done"
    assert all(file["text"] for file in done["files"])
    assert len(read_rows(warehouse, tables.recordings)) == 5
    rows = read_rows(warehouse, tables.stage_runs)
    assert {row["status"] for row in rows} == {"ok"}


def test_the_openai_sdk_gets_words_and_a_clean_end_waits_for_the_answer(run):
    openai = pytest.importorskip("openai")
    _, start = run
    process, port = start()
    client = openai.OpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key="none", max_retries=0)
    with (CALLS / "20250314-093012_1001_13800138000.flac").open("rb") as file:
        said = client.audio.transcriptions.create(
            model="whisper-1",
            file=file,
            language="zh",
            response_format="verbose_json",
            timestamp_granularities=["word", "segment"],
        )
    assert said.text
    assert len(said.segments) > 1
    assert all(word.start <= word.end for word in said.words)
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0


def test_a_kill_while_a_call_is_streamed_costs_a_second_at_most(run):
    """Sent at the pace of a call, 20 ms at a time, as FreeSWITCH does."""
    home, start = run
    process, port = start("--live")
    sound, rate_hz = sf.read(CALLS / "refund.flac", dtype="int16", always_2d=True)
    frames = np.split(sound, range(rate_hz // 50, len(sound), rate_hz // 50))
    with connect(f"ws://127.0.0.1:{port}/live/fork/freeswitch") as websocket:
        websocket.send(json.dumps({"call_id": "C-9", "agent_id": "1002"}))
        began = time.monotonic()
        for number, frame in enumerate(frames[:250]):  # 5 s
            time.sleep(max(0.0, began + number / 50 - time.monotonic()))
            websocket.send(frame.tobytes())
        process.send_signal(signal.SIGKILL)
        process.wait()
    _, port = start()
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=120) as client:
        wait_until(lambda: client.get("/api/batches").json()["batches"] != [])
        (batch,) = client.get("/api/batches").json()["batches"]
        client.get(batch["status_url"] + "/events")
        (file,) = client.get(batch["status_url"]).json()["files"]
    assert 4.0 <= file["duration_s"] <= 5.0
    (row,) = read_rows(open_warehouse(f"sqlite:///{home / 'callqa.db'}"), tables.recordings)
    assert (row["call_id"], row["agent_id"], row["channel_roles"]) == (
        "C-9",
        "1002",
        ["customer", "agent"],
    )
