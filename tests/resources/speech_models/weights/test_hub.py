"""A model is fetched once, at its revision, and from then on known by its hash, without a network.

The hub is a server on the loopback that answers modelscope's own client.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlparse

import pytest

from resources.speech_models.weights.hub import KNOWN_SHA256, HubModel
from resources.speech_models.weights.wheels import ModelFileError, WheelModel
from tests.resources.speech_models.conftest import LAYOUTS

EMOTION2VEC = HubModel(LAYOUTS["emotion2vec"], "iic/emotion2vec_plus_large", "v2.0.5", "funasr")
SEACO_ID = "iic/speech_seaco_paraformer_large_asr_nat-zh-cn-16k-common-vocab8404-pytorch"


@dataclass
class Hub:
    """Serves `files` as every model, or knows none; `asked` are the requests so far."""

    files: dict[str, bytes]
    asked: list[str] = field(default_factory=list)

    def answer(self, path: str) -> bytes | None:
        if not self.files:
            return None
        url = urlparse(path)
        if not url.path.endswith("/repo/files"):
            return self.files.get(parse_qs(url.query).get("FilePath", [""])[0])
        files = [
            {
                "Name": name,
                "Path": name,
                "Type": "blob",
                "Size": len(content),
                "Sha256": hashlib.sha256(content).hexdigest(),
            }
            for name, content in self.files.items()
        ]
        return json.dumps({"Code": 200, "Success": True, "Data": {"Files": files}}).encode()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """One for all tests: modelscope's client keeps the address that it found first."""
    hub = Hub({})

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            hub.asked.append(self.path)
            body = hub.answer(self.path)
            self.send_response(404 if body is None else 200)
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, format: str, *args: object) -> None:
            pass

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=listening.serve_forever, daemon=True).start()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MODELSCOPE_ENDPOINT", f"http://127.0.0.1:{listening.server_port}")
        for name in ("MODELSCOPE_CACHE", "MODELSCOPE_HOME"):
            patch.setenv(name, str(tmp_path_factory.mktemp(name)))
        yield hub
    listening.shutdown()
    listening.server_close()


@pytest.fixture
def hub(server: Hub) -> Hub:
    server.asked.clear()
    server.files = {
        "model.pt": b"weights " * 100,
        "config.yaml": b"model: Emotion2vec\n",
        "tokens.txt": b"angry\n",
        "README.md": b"# emotion2vec+\n",
    }
    return server


@pytest.fixture
def models(tmp_path: Path) -> Path:
    return tmp_path / "models"


def overwrite_unnoticed(path: Path, content: bytes) -> None:
    """Other content of the same size and time: only a hash shows the difference."""
    status = path.stat()
    assert status.st_size == len(content)
    path.write_bytes(content)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def test_pull_fetches_the_pinned_revision_and_a_second_pull_requests_nothing(hub, models):
    said: list[str] = []
    written = EMOTION2VEC.pull(models, said.append)
    folder = models / "iic" / "emotion2vec_plus_large"
    assert {path.relative_to(folder).as_posix() for path in written} == {
        *("model.pt", "config.yaml", "tokens.txt")
    }
    assert (folder / "model.pt").read_bytes() == hub.files["model.pt"]
    assert sum("Revision=v2.0.5&FilePath=" in asked for asked in hub.asked) == len(hub.files)
    assert said == ["downloading iic/emotion2vec_plus_large (v2.0.5) from ModelScope"]
    hub.asked.clear()
    assert EMOTION2VEC.pull(models, said.append) == []
    assert EMOTION2VEC.verify(models) == []
    EMOTION2VEC.require(models)
    assert hub.asked == []


def test_a_start_hashes_nothing_again_and_verify_everything(hub, models):
    EMOTION2VEC.pull(models, print)
    pulled = EMOTION2VEC.require(models)
    weights = pulled.folder / "model.pt"
    overwrite_unnoticed(weights, weights.read_bytes().swapcase())
    assert EMOTION2VEC.require(models) == pulled
    (problem,) = EMOTION2VEC.verify(models)
    assert problem.startswith(f"{weights} has SHA-256")


def test_weights_that_changed_since_they_were_pulled_are_refused_until_pulled_again(hub, models):
    """Even where no hash of them was ever published."""
    EMOTION2VEC.pull(models, print)
    pulled = EMOTION2VEC.require(models)
    (pulled.folder / "model.pt").write_bytes(b"a download cut short")
    with pytest.raises(ModelFileError, match=r"SHA-256.*callqa models pull --profile funasr"):
        EMOTION2VEC.require(models)
    EMOTION2VEC.pull(models, print)
    assert EMOTION2VEC.require(models) == pulled


def test_a_copied_models_folder_needs_no_pull(hub, models, tmp_path):
    """Copying changes the files' times: they are hashed again, and are still what was pulled."""
    EMOTION2VEC.pull(models, print)
    shutil.copytree(models, tmp_path / "offline", copy_function=shutil.copyfile)
    copied = EMOTION2VEC.require(tmp_path / "offline")
    assert copied.sha256 == EMOTION2VEC.require(models).sha256
    (tmp_path / "offline" / "iic" / "emotion2vec_plus_large" / "tokens.txt").write_text("other")
    with pytest.raises(ModelFileError, match=r"tokens\.txt has SHA-256"):
        EMOTION2VEC.require(tmp_path / "offline")


def test_weights_other_than_the_released_ones_are_refused(hub, models):
    hub.files |= {"tokens.json": b"[]", "am.mvn": b"", "seg_dict": b""}
    seaco = HubModel(LAYOUTS["seaco"], SEACO_ID, "v2.0.4", "funasr")
    with pytest.raises(ModelFileError, match=KNOWN_SHA256[SEACO_ID]["model.pt"]):
        seaco.pull(models, print)
    with pytest.raises(ModelFileError, match=r"model\.pt has SHA-256"):
        seaco.require(models)


def test_what_is_missing_is_named_with_its_cure(hub, models):
    with pytest.raises(ModelFileError, match=r"does not exist: run `callqa models pull --profile"):
        EMOTION2VEC.require(models)
    EMOTION2VEC.pull(models, print)
    (models / "iic" / "emotion2vec_plus_large" / "config.yaml").unlink()
    with pytest.raises(ModelFileError, match=r"config\.yaml is missing: run `callqa models pull"):
        EMOTION2VEC.require(models)


def test_a_repository_without_a_file_is_not_passed_off_as_a_model(hub, models):
    del hub.files["tokens.txt"]
    with pytest.raises(ModelFileError, match=r"tokens\.\* is missing"):
        EMOTION2VEC.pull(models, print)


def test_a_failed_download_says_what_may_be_done(hub, models):
    hub.files.clear()
    with pytest.raises(
        ModelFileError, match=r"(?s)could not be fetched from ModelScope.*copy it to"
    ):
        EMOTION2VEC.pull(models, print)


def test_another_revision_in_the_profile_asks_for_a_pull(hub, models):
    EMOTION2VEC.pull(models, print)
    newer = HubModel(EMOTION2VEC.layout, EMOTION2VEC.model, "v2.0.6", "funasr")
    with pytest.raises(ModelFileError, match=r"is v2\.0\.5 of .*, not v2\.0\.6: run"):
        newer.require(models)
    newer.pull(models, print)
    newer.require(models)


@pytest.fixture
def own(hub: Hub, models: Path) -> HubModel:
    folder = models / "ours" / "tuned"
    folder.mkdir(parents=True)
    for name, content in hub.files.items():
        (folder / name).write_bytes(content)
    return HubModel(EMOTION2VEC.layout, EMOTION2VEC.model, "v2.0.5", "funasr", Path("ours/tuned"))


def test_a_users_own_folder_is_used_as_it_is_and_never_fetched(own, hub, models):
    before = sorted((models / "ours").rglob("*"))
    first = own.require(models)
    assert first.folder == models / "ours" / "tuned"
    assert own.pull(models, print) == []
    assert hub.asked == []
    assert sorted((models / "ours").rglob("*")) == before  # nothing is written into it


def test_own_weights_that_changed_are_another_model(own, models):
    first = own.require(models)
    assert own.require(models) == first
    (first.folder / "model.pt").write_bytes(b"trained some more")
    assert own.require(models).sha256 != first.sha256
    assert own.verify(models) == []


def test_a_wrong_folder_names_the_profile_and_the_key(models):
    wrong = HubModel(EMOTION2VEC.layout, EMOTION2VEC.model, "v2.0.5", "funasr", Path("~/no/such"))
    with pytest.raises(ModelFileError, match=r"no/such.*correct `folder` in the profile 'funasr'"):
        wrong.require(models)
    assert wrong.folder(models) == Path.home() / "no" / "such"


def test_a_models_folder_that_cannot_be_written_costs_only_time(own, models, caplog):
    (models / "own").write_text("in the way")
    with caplog.at_level(logging.WARNING):
        assert own.require(models) == own.require(models)
    assert "cannot store the hashes" in caplog.text


def test_a_damaged_record_is_named_with_its_cure(hub, models):
    EMOTION2VEC.pull(models, print)
    (models / "iic" / "emotion2vec_plus_large.sha256.json").write_text('{"model": ')
    with pytest.raises(ModelFileError, match=r"large\.sha256\.json.*delete it"):
        EMOTION2VEC.require(models)


@pytest.mark.integration
def test_a_users_copy_of_the_released_detector_is_the_released_detector(models_dir, models):
    """So that a folder in another place recomputes nothing."""
    shutil.copytree(models_dir / "fsmn-vad", models / "vad")
    copied = HubModel(LAYOUTS["fsmn-vad"], "iic/speech_fsmn_vad", "v2.0.4", "funasr", Path("vad"))
    assert copied.require(models).sha256 == WheelModel("fsmn-vad").sha256
