"""Asset `transcripts`: what was said, segment by segment, with word times."""

from collections.abc import Sequence
from dataclasses import asdict

import dagster as dg

from callqa_assets.assets.segmented_audio import SegmentedAudio, load_segmented
from callqa_assets.assets.stage_asset import (
    StageConfig,
    daily_asset,
    materialize_stage,
)
from callqa_assets.domain.recording import Recording
from callqa_assets.partitions import GPU_POOL
from callqa_assets.stage_contract import BatchResult, Progress, Stage
from callqa_assets.warehouse import tables
from callqa_assets.warehouse.database import Warehouse
from callqa_assets.warehouse.results import replace_rows
from callqa_assets.warehouse.stage_runs import Fingerprint, StageInputs
from resources.dagster_resources import HomeResource, SpeechModelsResource, WarehouseResource
from resources.recording_archive import RecordingArchive
from resources.speech_models.speech_models import SpeechModels

CODE_VERSION = "1"

INPUTS = StageInputs(
    stage="transcripts",
    upstream=("segments",),
    facts=lambda r: {"language": r.language, "queue": r.queue},
)


def transcripts_stage(
    warehouse: Warehouse, archive: RecordingArchive, models: SpeechModels
) -> Stage:
    """Speech recognition over the segments of every channel."""

    def compute(batch: Sequence[tuple[Recording, SegmentedAudio]]) -> BatchResult:
        channels = [channel for _, audio in batch for channel in audio.channels]
        written = iter(models.transcriber().transcribe(channels))
        return BatchResult(
            {
                recording.recording_id: {
                    tables.transcripts: [
                        {
                            **segment,
                            "language": text.language,
                            "text_raw": text.text_raw,
                            "text": text.text,
                            "words": [asdict(word) for word in text.words],
                            "confidence": text.confidence,
                        }
                        for keys in audio.keys
                        for segment, text in zip(keys, next(written), strict=True)
                    ]
                }
                for recording, audio in batch
            }
        )

    return Stage(
        inputs=INPUTS,
        fingerprint=Fingerprint.of_model(INPUTS.stage, CODE_VERSION, models.transcriber_identity),
        prepare=models.transcriber,
        load=lambda recording: load_segmented(warehouse, archive, recording),
        compute=compute,
        write=replace_rows,
        halvings=lambda: models.out_of_memory_halvings,
    )


@daily_asset(
    tables=["transcripts"],
    group="speech",
    kinds={"whisper", "sql"},
    code_version=CODE_VERSION,
    deps=["vad_segments"],
    pool=GPU_POOL,
)
def transcripts(
    context: dg.AssetExecutionContext,
    config: StageConfig,
    home: HomeResource,
    warehouse: WarehouseResource,
    speech_models: SpeechModelsResource,
    progress: dg.ResourceParam[Progress],
) -> None:
    """What was said in the day's calls: raw and normalised text, words with times, confidence."""
    opened = warehouse.open()
    materialize_stage(
        context,
        opened,
        transcripts_stage(opened, home.open_archive(), speech_models.open()),
        tables.transcripts,
        force=config.force,
        progress=progress,
    )
