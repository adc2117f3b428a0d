"""Clients that know only OpenAI's API get their file transcribed, with true times."""

from __future__ import annotations

from dataclasses import replace

import pytest

from callqa_assets.domain.speech import Word
from callqa_assets.serving.openai_routes import write_srt, write_vtt
from tests.support.fake_models import FakeModels

SEGMENTS = [
    {"start_s": 0.5, "end_s": 2.0, "text": "您好"},
    {"start_s": 3661.2345, "end_s": 3662.0, "text": "a <b> & c"},
]


class Timed(FakeModels):
    """Says a word of half a second in each segment."""

    def transcribe(self, channels):
        return [
            [
                replace(said, words=[Word(said.text, span.start_s, span.start_s + 0.5)])
                for span, said in zip(channel.segments, found, strict=True)
            ]
            for channel, found in zip(channels, super().transcribe(channels), strict=True)
        ]


@pytest.fixture
def transcribe(start, audio):
    served = start(Timed())

    def send(**form):
        return served.post(
            ("a.wav", audio(1)),
            field="file",
            path="/v1/audio/transcriptions",
            model="whisper-1",
            **form,
        )

    return send


def test_each_format_has_the_text(transcribe):
    text = transcribe().json()["text"]
    assert text
    assert transcribe(response_format="text").text == f"{text}\n"
    srt, vtt = (transcribe(response_format=form).text for form in ("srt", "vtt"))
    assert srt.startswith("1\n00:00:0")
    assert vtt.startswith("WEBVTT\n\n00:00:0")
    verbose = transcribe(response_format="verbose_json").json()
    assert (verbose["task"], verbose["duration"], verbose["text"]) == ("transcribe", 6.0, text)
    assert [s["id"] for s in verbose["segments"]] == [0, 1]
    assert "words" not in verbose


def test_words_have_the_times_of_the_tables(transcribe):
    verbose = transcribe(
        response_format="verbose_json", **{"timestamp_granularities[]": "word"}
    ).json()
    starts = [segment["start"] for segment in verbose["segments"]]
    assert [word["start"] for word in verbose["words"]] == starts
    assert [word["end"] for word in verbose["words"]] == [start + 0.5 for start in starts]


def test_subtitles_have_hours_and_milliseconds():
    assert write_srt(SEGMENTS, "text") == (
        "1\n00:00:00,500 --> 00:00:02,000\n您好\n\n2\n01:01:01,234 --> 01:01:02,000\na <b> & c\n"
    )
    assert write_vtt(SEGMENTS, "text") == (
        "WEBVTT\n\n00:00:00.500 --> 00:00:02.000\n您好\n\n"
        "01:01:01.234 --> 01:01:02.000\na &lt;b&gt; &amp; c\n"
    )


def test_what_cannot_be_transcribed_is_refused_with_its_reason(start, audio, transcribe):
    assert transcribe(response_format="yaml").status_code == 400
    served = start()
    post = {"field": "file", "path": "/v1/audio/transcriptions"}
    assert served.post(("a.wav", b"no sound"), **post).status_code == 422
    recorded = len(served.client.get("/api/batches").json()["batches"])
    two = served.post(("a.wav", audio(1)), ("b.wav", audio(2)), **post)
    assert len(served.client.get("/api/batches").json()["batches"]) == recorded
    assert "one file" in two.json()["error"]
    assert served.client.get("/v1/models").json()["data"][0]["id"] == "compact"
