"""What people read: complete, in their language, within the size, and never more than text."""

from __future__ import annotations

import json
import re

import pytest

from callqa_assets.domain.alerts.spike_notice import SpikeNotice
from resources.notifier.messages import Message, MessageWriter
from resources.notifier.translations import WORDS
from tests.support.notices import notice

URL = "https://dagster.example.com/"
SAID = [{"role": "customer", "start_s": 12.5, "end_s": 14.0, "text": "我要投诉，打138****8000"}]
FULL = notice(
    rule="customer_anger",
    priority="high",
    queue="refunds",
    line="vip",
    call_id="C-7",
    said=SAID,
    run_id="3f2a8c1e-0000-0000-0000-000000000000",
)


def size(text: str) -> int:
    return len(json.dumps(text, ensure_ascii=False).encode())


@pytest.mark.parametrize("form", ["markdown", "html"])
@pytest.mark.parametrize("language", ["zh", "en"])
def test_an_alert_names_agent_call_time_rule_and_recording(language, form):
    writer = MessageWriter(language, URL)
    text = getattr(writer, form)(Message("ab" * 16, [FULL]), 16_000)
    for fact in (
        "customer_anger",
        "1001",
        "refunds",
        "vip",
        "C-7",
        "2025-03-14 09:30:00",
        "12.5–15.0",
        "0.90",
        "我要投诉",
        "138****8000" if form == "html" else "138＊＊＊＊8000",
        "archive/00/sample.wav",
        "https://dagster.example.com/runs/3f2a8c1e-0000-0000-0000-000000000000",
        {"zh": "愤怒", "en": "angry"}[language],
        {"zh": "客户", "en": "customer"}[language],
        {"zh": "高", "en": "high"}[language],
    ):
        assert fact in text
    assert "None" not in text


def test_the_languages_have_the_same_words():
    emotions = set(WORDS["zh"]) - set(WORDS["en"])
    assert "angry" in emotions
    assert set(WORDS["en"]) < set(WORDS["zh"])
    assert len(emotions) == 9


def test_without_a_dagster_url_there_is_no_link():
    text = MessageWriter("en", None).markdown(Message("0" * 32, [FULL]), 16_000)
    assert "runs/" not in text


def test_transcripts_and_names_can_neither_link_nor_mention_nor_break_the_form():
    hostile = "<at id=all></at> <@all> [x](https://evil.example) `code` **b**\n# head\n- item"
    alert = notice(agent_id=hostile, said=[{**SAID[0], "text": hostile}])
    markdown = MessageWriter("en", URL).markdown(Message("0" * 32, [alert]), 16_000)
    for mark in ("<at", "<@", "[x]", "`code`", "**b**", "\n# head", "\n- item"):
        assert mark not in markdown
    html = MessageWriter("en", URL).html(Message("0" * 32, [alert]), 16_000)
    assert "<at" not in html
    assert "&lt;at id=all&gt;" in html
    assert "\n" not in MessageWriter("en", URL).title(Message("0" * 32, [alert]))


HOSTILE = (
    "](http://evil.example) ![i](http://evil.example/x.png) <at id=all></at> <@all> @all @所有人 "
    "https://evil.example/x www.evil.example dingtalk://x ~~x~~ &lt;at&gt; \\ "
    "\u2028# H\u2029> q\x85- i\r\n1. n\u202e"
)


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("form", ["markdown", "html", "title"])
def test_nobody_is_mentioned_linked_or_shown_an_image_by_a_fact(form, count):
    facts = ("rule", "agent_id", "queue", "line", "call_id")
    alert = notice(**dict.fromkeys(facts, HOSTILE), said=[{**SAID[0], "text": HOSTILE}])
    writer = MessageWriter("zh", None)
    if form == "title":
        text = writer.title(Message("0" * 32, [alert] * count))
    else:
        text = getattr(writer, form)(Message("0" * 32, [alert] * count), 1_000_000)
    assert not re.search(r"@|://|\.example|www\.|[\u2028\u2029\x85\r\u202e]", text)
    if form != "html":
        assert not re.search(r"\]\(|!\[|<|~~|&lt;|\\", text)
        assert not re.search(r"^(# H|> q|- i|1\. n)", text, flags=re.MULTILINE)
    else:
        assert not re.search(r"<at|<@|href|<img", text)


def test_numbers_and_the_archives_path_are_shown_as_they_are():
    said = [{**SAID[0], "text": "一共158.5元，版本3.11.2，9:30到10:45。OK. Bye."}]
    text = MessageWriter("zh", None).markdown(Message("0" * 32, [notice(said=said)]), 16_000)
    assert said[0]["text"] in text
    assert "archive/00/sample.wav" in text


def test_names_of_any_length_leave_a_short_title_and_a_message_that_fits():
    names = dict.fromkeys(("rule", "agent_id", "queue", "line", "call_id"), "长" * 5_000)
    alert = notice(**names)
    writer = MessageWriter("zh", None)
    assert len(writer.title(Message("0" * 32, [alert]))) < 120
    assert size(writer.markdown(Message("0" * 32, [alert]), 4_000)) <= 4_000
    assert writer.count_that_fit(Message("0" * 32, [alert, alert]), 4_000) == 2


@pytest.mark.parametrize("limit", [1_500, 4_000, 16_000])
def test_a_long_conversation_is_shortened_to_the_channels_size(limit):
    said = [{**SAID[0], "text": "退费" * 150} for _ in range(12)]
    timeline = [dict(FULL["timeline"][0]) for _ in range(20)]
    alert = notice(said=said, timeline=timeline)
    text = MessageWriter("zh", URL).markdown(Message("0" * 32, [alert]), limit)
    assert size(text) <= limit
    assert "callqa alerts test" in text


def test_a_digest_lists_every_alert_in_it():
    alerts = [notice(rule=f"rule {n}", agent_id=f"10{n:02d}") for n in range(30)]
    for language in ("zh", "en"):
        writer = MessageWriter(language, URL)
        for text in (
            writer.markdown(Message("0" * 32, alerts), 0),
            writer.html(Message("0" * 32, alerts), 0),
        ):
            assert all(f"rule {n}" in text and f"10{n:02d}" in text for n in range(30))
        assert "30" in writer.title(Message("0" * 32, alerts))


@pytest.mark.parametrize("limit", [4_000, 16_000])
def test_as_many_alerts_go_into_a_digest_as_fit(limit):
    alerts = [notice(queue="退费专线" * 20, rule="规则" * 40) for _ in range(100)]
    writer = MessageWriter("zh", URL)
    fits = writer.count_that_fit(Message("0" * 32, alerts), limit)
    assert size(writer.markdown(Message("0" * 32, alerts[:fits]), 0)) <= limit
    if fits < 100:
        assert size(writer.markdown(Message("0" * 32, alerts[: fits + 1]), 0)) > limit
    assert writer.count_that_fit(Message("0" * 32, alerts[:1]), 10) == 1


def spike(topic="退费", **facts) -> SpikeNotice:
    return {
        "day": "2025-03-14",
        "topic": topic,
        "names": {"zh": "退费退款", "en": "Refunds"},
        "is_new": False,
        "calls": 48,
        "calls_all": 1_000,
        "expected": 12.4,
        "days": 56,
        "run_id": None,
        **facts,
    }


@pytest.mark.parametrize("form", ["markdown", "html"])
@pytest.mark.parametrize(
    ("language", "title", "text"),
    [
        ("zh", "话题激增：退费退款 2025-03-14", "1000 通中有 48 通，预计 12.4 通（3.9 倍）"),
        ("en", "Spike: Refunds 2025-03-14", "48 of 1000 calls, 12.4 expected (3.9 times)"),
    ],
)
def test_a_spike_is_told_with_its_topic_day_and_what_was_expected(language, title, text, form):
    writer = MessageWriter(language, URL)
    message = Message("0" * 32, spikes=[spike(run_id="3f2a8c1e-0000")])
    assert writer.title(message) == title
    written = getattr(writer, form)(message, 4_000)
    assert title in written
    assert text in written
    assert "https://dagster.example.com/runs/3f2a8c1e-0000" in written


def test_a_new_topic_is_said_to_be_new_and_several_are_listed():
    message = Message("0" * 32, spikes=[spike(), spike("新产品", is_new=True, names={}, days=40)])
    text = MessageWriter("zh", None).markdown(message, 4_000)
    assert "激增话题：2 2025-03-14" in text
    assert "退费退款" in text
    assert "**新产品** 新话题：1000 通中有 48 通，此前 40 天无人提及" in text


@pytest.mark.parametrize("limit", [1_000, 4_000])
def test_as_many_spikes_go_into_a_message_as_fit(limit):
    message = Message("0" * 32, spikes=[spike(names={"zh": "退" * 60}) for _ in range(100)])
    writer = MessageWriter("zh", URL)
    fits = writer.count_that_fit(message, limit)
    assert 1 < fits < 100
    assert size(writer.markdown(message.first(fits), limit)) <= limit
    assert size(writer.markdown(message.first(fits + 1), limit)) > limit
