"""The history is searched and filtered page by page, and shows no personal data."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.calls import write_call
from tests.support.fake_models import FakeModels

SAID = "我要退费，电话13800138000"
DAYS = ("2025-03-14", "2025-03-15", "2025-03-16")


class Speaking(FakeModels):
    """Says a phone number in one call of two."""

    def transcribe(self, channels):
        return [
            [
                replace(said, text=SAID, text_raw="我要退费电话一三八", language="zh")
                for said in found
            ]
            for found in super().transcribe(channels)
        ]


@pytest.fixture
def served(start, direct, home):
    """Five calls on three days, one of them angry, brought by the phone platform."""
    for n, day in enumerate((*DAYS, *DAYS[:2])):
        write_call(
            home.drop, day, f"100{n % 2}", seed=n, clock=f"09{n}000", anger=0.2 if n == 2 else 0.05
        )
    direct.run(Speaking())
    return start(Speaking())


def ask(served, **query):
    answer = served.client.get("/api/recordings", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.both_engines
def test_calls_come_page_by_page_the_newest_first(served):
    whole = [call["recording_id"] for call in ask(served)["recordings"]]
    assert len(whole) == 5
    times = [call["started_at"] for call in ask(served)["recordings"]]
    assert times == sorted(times, reverse=True)
    paged, after = [], ""
    while after is not None:
        page = ask(served, limit=2, after=after)
        paged += [call["recording_id"] for call in page["recordings"]]
        after = page["next"]
    assert paged == whole


@pytest.mark.both_engines
def test_filters_choose_and_a_search_finds_what_was_said(served):
    def count(**query) -> int:
        return len(ask(served, **query)["recordings"])

    assert count(day=DAYS[0]) == 2
    assert count(agent="1001") == 2
    assert count(alert="true") == 1
    assert count(alert="false") == 4
    assert count(emotion="angry") == 1
    assert count(q="退费") == 5
    assert count(q="退费", day=DAYS[2], agent="1000") == 1
    assert count(q="没有说过") == 0
    assert len(ask(served, q="退费", limit=2)["recordings"]) == 2


def test_texts_ids_and_names_are_masked(served):
    listed = served.client.get("/api/recordings").text
    (call, *_) = ask(served)["recordings"]
    shown = served.client.get(f"/api/recordings/{call['recording_id']}").json()
    for text in (listed, str(shown)):
        assert "13800138000" not in text
        assert "退费" in text
    assert shown["segments"][0]["text"].endswith("138****8000")


@pytest.mark.parametrize(
    ("query", "word"),
    [
        ({"day": "14 March"}, "YYYY-MM-DD"),
        ({"day": "2025-02-30"}, "YYYY-MM-DD"),
        ({"emotion": "bored"}, "angry"),
        ({"alert": "1"}, "true or false"),
        ({"queue": "x"}, "unknown parameters: queue"),
        ({"limit": "1000"}, "limit"),
        ({"after": "bm9uc2Vuc2U="}, "cursors"),
    ],
)
def test_a_filter_that_means_nothing_is_refused(served, query, word):
    answer = served.client.get("/api/recordings", params=query)
    assert answer.status_code == 400
    assert word in answer.json()["error"]


def test_what_there_is_not_is_not_found(served):
    assert served.client.get("/api/recordings/none").status_code == 404
    answer = served.client.get("/api/recordings", params={"q": "！"})
    assert answer.status_code == 400
    assert "no letter" in answer.json()["error"]
