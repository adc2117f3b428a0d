"""Stage `emotions`: emotions by segment and over time."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from callqa_assets.domain.calls.recording import Recording
from callqa_assets.domain.emotion.labels import EMOTIONS
from callqa_assets.domain.emotion.timeline import (
    LabelConfig,
    SpanConfig,
    label_emotion,
    spans_from_windows,
)
from callqa_assets.domain.rules.call_input import ChannelTrack
from callqa_assets.domain.speech import SegmentEmotion
from callqa_assets.stages.contract import BatchResult, Stage
from callqa_assets.stages.definition import StageContext, StageDefinition
from callqa_assets.stages.segmented_audio import SegmentedAudio, load_segmented
from callqa_assets.warehouse import tables
from callqa_assets.warehouse.ledger import Fingerprint, StageInputs, named_artifacts
from callqa_assets.warehouse.results import Rows, SegmentKey, named_embeddings, rows_writer
from resources.storage.lake import EmotionLake

CODE_VERSION = "1"

INPUTS = StageInputs(stage="emotions", upstream=("segments",), facts=lambda recording: {})


def _build(context: StageContext) -> Stage[SegmentedAudio, Rows]:
    """Emotion recognition over the segments of every channel."""
    models, lake = context.open_models(), context.lake
    labels, spans = models.emotion_labels, models.emotion_spans
    hop_s = models.emotion_windows.hop_sec

    def compute(batch: Sequence[tuple[Recording, SegmentedAudio]]) -> BatchResult[Rows]:
        channels = [channel for _, audio in batch for channel in audio.channels]
        recognized = iter(models.emotion_recognizer().recognize(channels))
        rows: dict[str, Rows] = {}
        tracks: dict[str, list[ChannelTrack]] = {}
        for recording, audio in batch:
            found = [list(zip(keys, next(recognized), strict=True)) for keys in audio.keys]
            path = _keep_embeddings(
                lake, recording, [emotion for part in found for _, emotion in part]
            )
            rows[recording.recording_id] = {
                tables.emotion_scores: [
                    _score_row(key, emotion, labels, path)
                    for part in found
                    for key, emotion in part
                ],
                tables.emotion_spans: [row for part in found for row in _span_rows(part, spans)],
            }
            tracks[recording.recording_id] = [_track(part, hop_s) for part in found if part]
        return BatchResult(rows, lake.write(tracks))

    return Stage(
        inputs=INPUTS,
        fingerprint=Fingerprint.of_model(
            INPUTS.stage,
            CODE_VERSION,
            models.emotion_identity,
            labels=asdict(labels),
            spans=asdict(spans),
        ),
        prepare=models.emotion_recognizer,
        load=lambda recording: load_segmented(context.warehouse, context.archive, recording),
        compute=compute,
        write=rows_writer(INPUTS.stage),
    )


def _keep_embeddings(
    lake: EmotionLake, recording: Recording, emotions: Sequence[SegmentEmotion]
) -> str | None:
    """The file of the recording's embeddings, in the order of its rows; None without any."""
    embeddings = [emotion.embedding for emotion in emotions if emotion.embedding is not None]
    if not embeddings:
        return None
    return lake.write_embeddings(recording.recording_id, np.stack(embeddings))


def _score_row(
    key: SegmentKey,
    recognized: SegmentEmotion,
    config: LabelConfig,
    embedding_path: str | None,
) -> dict[str, Any]:
    emotion, confidence = label_emotion(recognized.scores, config)
    return {
        **key,
        **{name: float(score) for name, score in zip(EMOTIONS, recognized.scores, strict=True)},
        "emotion": emotion,
        "confidence": confidence,
        "embedding_path": embedding_path,
    }


def _span_rows(
    part: Sequence[tuple[SegmentKey, SegmentEmotion]], config: SpanConfig
) -> list[dict[str, Any]]:
    """One channel's timeline, its spans numbered through its segments."""
    spans = [
        (key, span)
        for key, emotion in part
        for span in spans_from_windows(
            emotion.windows, emotion.window_start_s, emotion.window_end_s, config
        )
    ]
    return [
        {
            "channel": key["channel"],
            "span_no": number,
            "role": key["role"],
            "start_s": span.start_s,
            "end_s": span.end_s,
            "emotion": span.emotion,
            "confidence": span.confidence,
        }
        for number, (key, span) in enumerate(spans)
    ]


def _track(part: Sequence[tuple[SegmentKey, SegmentEmotion]], hop_s: float) -> ChannelTrack:
    return ChannelTrack(
        channel=part[0][0]["channel"],
        segment_no=np.concatenate(
            [np.full(len(emotion.windows), key["segment_no"]) for key, emotion in part]
        ),
        start_s=np.concatenate([emotion.window_start_s for _, emotion in part]),
        end_s=np.concatenate([emotion.window_end_s for _, emotion in part]),
        posteriors=np.concatenate([emotion.windows for _, emotion in part]),
        hop_s=hop_s,
    )


def _sweep(context: StageContext, days: Sequence[str]) -> None:
    """Remove lake files that no row names: left by killed runs, or replaced."""
    with context.warehouse.read() as connection:
        context.lake.sweep(named_artifacts(connection, INPUTS.stage))
        for day in days:
            context.lake.sweep_embeddings(named_embeddings(connection, day))


STAGE = StageDefinition(
    name=INPUTS.stage,
    asset="emotion_scores",
    tables=(tables.emotion_scores, tables.emotion_spans),
    upstream=INPUTS.upstream,
    code_version=CODE_VERSION,
    build=_build,
    clean_up=_sweep,
)
