"""What a supervisor sees in a browser: pages that work offline, play, and show no personal data."""

from __future__ import annotations

import re
import shutil

import numpy as np
import pytest
import soundfile as sf

from callqa_assets.domain.emotion.colours import EMOTION_COLOURS
from callqa_assets.serving.console import weigh_scores
from callqa_assets.serving.console_words import LANGUAGES, words_of
from resources.storage.home import REPO
from tests.serving.test_history import Speaking
from tests.support.calls import write_call

STATIC = REPO / "callqa_assets" / "serving" / "static"


@pytest.fixture
def call(start, direct, home):
    """An angry call, and the server that shows it."""
    write_call(home.drop, "2025-03-14", anger=0.2)
    direct.run(Speaking())
    served = start(Speaking())
    (found,) = served.client.get("/api/recordings").json()["recordings"]
    return served, found["recording_id"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_call_is_shown_with_its_alert_text_and_nine_scores(call, language):
    served, recording_id = call
    page = served.client.get(f"/calls/{recording_id}?lang={language}").text
    words = words_of(language)
    assert words["alert_fired"] in page
    angry = words.get("angry", "angry")
    assert f'{words["main_emotion"]}: <span id="main-emotion">{angry}</span>' in page
    assert len(re.findall(r"<dd data-emotion=", page)) == 9
    assert "退费" in page
    assert "13800138000" not in page
    assert f'<html lang="{words["html_language"]}">' in page


def test_the_evidence_of_an_alert_is_a_file_to_keep(call):
    served, recording_id = call
    page = served.client.get(f"/calls/{recording_id}").text
    kept = served.client.get(re.search(r'href="(/api/alerts/.*?)"', page)[1])
    assert kept.headers["content-disposition"].startswith("attachment")
    assert "data:audio/wav;base64," in kept.text
    assert served.client.get("/api/alerts/none/evidence").status_code == 404


def test_calls_are_listed_found_and_paged(start, direct, home):
    for n in range(27):
        write_call(home.drop, "2025-03-14", seed=n, clock=f"{n % 24:02d}{n // 24}000")
    direct.run(Speaking())
    client = start(Speaking()).client
    first = client.get("/calls").text
    assert first.count('<a href="/calls/') == 25
    more = re.search(r'class="more" href="(.*?)"', first)[1].replace("&amp;", "&")
    assert client.get(f"/calls{more}").text.count('<a href="/calls/') == 2
    assert client.get("/calls?q=退费&alert=true").text.count('<a href="/calls/') == 0
    assert 'role="alert"' in client.get("/calls?day=yesterday").text


def test_the_language_stays_as_it_was_chosen(start):
    client = start(works=False).client
    assert "开始分析" in client.get("/").text
    assert "Start" in client.get("/?lang=en").text
    assert "Start" in client.get("/").text
    assert "开始分析" in client.get("/?lang=xx").text


def test_what_there_is_not_is_not_found(start):
    client = start(works=False).client
    assert "没有这个页面" in client.get("/calls/none").text
    for path in ("/calls/none", "/api/recordings/none/audio", "/static/none.js"):
        assert client.get(path).status_code == 404
    for path in ("/static/../console.py", "/static/%2e%2e/console.py", "/static//etc/passwd"):
        assert client.get(path).status_code in (400, 404)


def test_the_sound_is_played_in_ranges_whatever_it_was_archived_as(call, start, direct, home):
    served, recording_id = call
    whole = served.client.get(f"/api/recordings/{recording_id}/audio")
    part = served.client.get(
        f"/api/recordings/{recording_id}/audio", headers={"Range": "bytes=100-199"}
    )
    assert (whole.status_code, part.status_code) == (200, 206)
    assert part.content == whole.content[100:200]
    (path,) = [*home.archive.rglob("*.wav")]
    heard, _ = sf.read(path, dtype="int16")
    (home.root / "copy.wav").write_bytes(whole.content)
    played, rate_hz = sf.read(home.root / "copy.wav", dtype="int16")
    assert rate_hz == 8_000
    assert np.abs(played.astype(int) - heard).max() <= 1


def test_scores_are_weighted_by_length_and_of_one_role():
    def segment(role, length, emotion):
        scores = dict.fromkeys(EMOTION_COLOURS, 0.0) | {emotion: 1.0}
        return {
            "role": role,
            "start_s": 0.0,
            "end_s": length,
            "emotion": emotion,
            "scores": scores,
        }

    found = weigh_scores(
        [
            segment("customer", 3, "angry"),
            segment("customer", 1, "sad"),
            segment("agent", 9, "sad"),
        ],
        "customer",
    )
    assert found["emotion"] == "angry"
    assert (found["scores"]["angry"], found["scores"]["sad"]) == (0.75, 0.25)
    assert weigh_scores([], None) is None


def test_the_colours_are_those_of_every_other_picture():
    css = (STATIC / "console.css").read_text("utf-8")
    found = dict(re.findall(r"\.dot\.(\w+) \{ background: (#\w+); \}", css))
    assert found == EMOTION_COLOURS


def test_every_language_has_every_word():
    zh, en = (set(words_of(language)) for language in LANGUAGES)
    emotions = {*EMOTION_COLOURS}
    assert zh - en <= emotions
    assert en <= zh


def wait_until(condition, page) -> None:
    """The page's policy lets Playwright evaluate nothing in it by itself."""
    for _ in range(100):
        if condition():
            return
        page.wait_for_timeout(50)
    raise AssertionError("nothing happened")


@pytest.fixture
def browser():
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("no chromium: install Debian's chromium")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.mark.integration
@pytest.mark.parametrize("width", [1440, 390])
def test_a_file_is_sent_and_its_call_played_in_a_browser_without_another_origin(
    browser, start, audio, tmp_path, width
):
    served = start(Speaking())
    (tmp_path / "call.wav").write_bytes(audio(3, anger=0.2))
    base = str(served.client.base_url).rstrip("/")
    page = browser.new_page(viewport={"width": width, "height": 900})
    asked: list[str] = []
    complaints: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(base)
    page.set_input_files("input[name=audio]", str(tmp_path / "call.wav"))
    page.click("button[type=submit]")
    page.wait_for_url("**/calls/*", timeout=20_000)
    assert "告警已触发并记录" in page.inner_text("main")
    before = page.inner_text("#scores")
    page.click("#said li:first-child .written")
    assert page.inner_text("#scores") != before
    page.check("#raw")
    assert "一三八" in page.inner_text("#said")
    page.click("[role=alert] [data-seek]")
    wait_until(lambda: page.evaluate("document.getElementById('sound').currentTime") > 2.5, page)
    head = "Number(document.getElementById('head').getAttribute('x1'))"
    wait_until(lambda: page.evaluate(head) > 300, page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert {url.startswith(f"{base}/") for url in asked} == {True}
    assert complaints == []
