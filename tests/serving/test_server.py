"""The server says how it is, keeps strangers out, and needs no Dagster."""

from __future__ import annotations

import json
import logging
import subprocess
import sys

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from callqa_assets.serving.app import OPENAPI_FILE, ROUTES
from callqa_assets.serving.json_log import JsonFormatter
from callqa_assets.serving.settings import Address, Limits, ServingError, parse_address
from resources.storage.uploads import harmless_name


def test_health_is_answered_to_get_and_post_with_what_is_wrong(start):
    served = start()
    for method in ("GET", "POST"):
        answer = served.client.request(method, "/health")
        assert (answer.status_code, answer.json()) == (200, {"status": "healthy"})
    ended = start(works=False, limits=Limits(min_free_bytes=1 << 60))
    answer = ended.client.get("/health")
    assert answer.status_code == 503
    (disk, thread) = answer.json()["problems"]
    assert "make room" in disk
    assert "restart" in thread


def test_a_rules_file_that_cannot_be_used_keeps_files_waiting_and_is_told(start, audio, direct):
    served = start()
    direct.rules.write_text("rules: [{}]")
    batch = served.post(("a.wav", audio(1)), wait="1").json()
    assert batch["status"] in ("queued", "processing")
    assert "uploads wait (RulesError)" in served.client.get("/health").json()["problems"][0]
    direct.rules.write_text("rules: []")
    assert served.client.get(batch["status_url"] + "/events").text.endswith("\n\n")
    assert served.client.get("/health").status_code == 200


def test_metrics_count_files_and_the_time_of_each_route(start, audio):
    served = start()
    served.post(("a.wav", audio(1)), wait="20")
    served.client.get("/api/batches/of-somebody")
    text = served.client.get("/metrics").text
    assert "callqa_uploaded_files_total 1.0" in text
    assert "callqa_healthy 1.0" in text
    assert 'route="/api/batch_transcribe",status="200"' in text
    assert 'route="/api/batches/{batch_id}",status="404"' in text
    assert "of-somebody" not in text


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1"])
def test_pages_of_other_origins_cannot_post(start, audio, origin):
    served = start(works=False)
    answer = served.post(("a.wav", audio(1)), headers={"Origin": origin})
    assert answer.status_code == 403
    own = str(served.client.base_url).rstrip("/")
    assert served.post(("a.wav", audio(1)), headers={"Origin": own}).status_code == 202


def test_another_host_name_is_refused(start):
    served = start(works=False)
    assert served.client.get("/health", headers={"Host": "evil.example"}).status_code == 400


def test_answers_can_neither_be_framed_nor_sniffed(start):
    for path in ("/health", "/nothing"):
        headers = start(works=False).client.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert "frame-ancestors 'none'" in headers["content-security-policy"]


def test_every_route_is_described_and_every_description_has_its_route(start):
    described = yaml.safe_load(OPENAPI_FILE.read_text("utf-8"))["paths"]
    routes = {route.path: route.methods - {"HEAD"} for route in ROUTES}
    routes["/openapi.yaml"] = {"GET"}
    assert {path: {m.upper() for m in own} for path, own in described.items()} == routes
    assert start(works=False).client.get("/openapi.yaml").text == OPENAPI_FILE.read_text("utf-8")


@pytest.mark.parametrize("text", ["0.0.0.0:8080", "192.168.1.5:80", "example.com:80", "[::]:80"])
def test_it_does_not_listen_where_others_could_reach_it(text):
    with pytest.raises(ServingError, match="reverse proxy"):
        parse_address(text)


def test_addresses_are_read():
    assert parse_address("8080") == Address("127.0.0.1", 8080)
    assert str(parse_address("[::1]:80")) == "[::1]:80"
    for text in ("127.0.0.1", "localhost:0", "localhost:99999", "x:y"):
        with pytest.raises(ServingError, match="HOST:PORT"):
            parse_address(text)


@pytest.mark.parametrize(
    ("sent", "name"),
    [
        ("call_1.wav", "call_1.wav"),
        ("../../etc/passwd", "passwd"),
        ("C:\\calls\\呼叫 1.mp3", "呼叫 1.mp3"),
        (".hidden.wav", "hidden.wav"),
        ("..", "upload"),
        (None, "upload"),
        ("x.json", "x.json.wav"),
        ("manifest.csv", "manifest.csv.wav"),
        ("x.wav.PART", "x.wav.PART.wav"),
        ("长" * 100 + ".wav", "长" * 65 + ".wav"),
    ],
)
def test_names_cannot_leave_their_folder(sent, name):
    assert harmless_name(sent) == name


@given(st.text(max_size=300))
def test_any_name_becomes_a_file_name(sent):
    name = harmless_name(sent)
    assert name not in ("", ".", "..")
    assert not set(name) & {"/", "\0", "\n"}
    assert not name.startswith(".")
    assert len(name.encode("utf-8", "surrogatepass")) <= 210


def test_log_lines_are_json_without_values():
    try:
        raise ValueError("13800138000")
    except ValueError:
        record = logging.getLogger("callqa").makeRecord(
            "callqa", logging.ERROR, "x.py", 1, "it failed", (), sys.exc_info()
        )
    line = json.loads(JsonFormatter().format(record))
    assert (line["message"], line["level"], line["error"]) == ("it failed", "error", "ValueError")
    assert "13800138000" not in str(line)
    assert "test_server.py" in line["traceback"]


def test_the_server_imports_no_dagster():
    program = "import sys, callqa_assets.serving.server; print('dagster' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"
