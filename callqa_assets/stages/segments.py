"""Stage `segments`: where there is speech, by voice activity detection."""

from collections.abc import Sequence

from callqa_assets.domain.audio.segments import level_dbfs
from callqa_assets.domain.calls.recording import Recording
from callqa_assets.domain.speech import ChannelSound
from callqa_assets.stages.contract import BatchResult, Stage
from callqa_assets.stages.definition import StageContext, StageDefinition
from callqa_assets.warehouse import tables
from callqa_assets.warehouse.ledger import Fingerprint, StageInputs
from callqa_assets.warehouse.results import Rows, rows_writer

CODE_VERSION = "1"

INPUTS = StageInputs(
    stage="segments",
    upstream=(),
    facts=lambda r: {"content": r.content_sha256, "roles": list(r.channel_roles)},
)


def _build(context: StageContext) -> Stage[list[ChannelSound], Rows]:
    """Voice activity detection over every channel of a recording."""
    models = context.open_models()
    identity = models.detector_identity

    def compute(batch: Sequence[tuple[Recording, list[ChannelSound]]]) -> BatchResult[Rows]:
        found = iter(
            models.detector().detect([waveform for _, channels in batch for waveform in channels])
        )
        return BatchResult(
            {
                recording.recording_id: {
                    tables.segments: [
                        {
                            "channel": channel,
                            "segment_no": number,
                            "role": recording.channel_roles[channel],
                            "start_s": span.start_s,
                            "end_s": span.end_s,
                            "level_dbfs": round(level_dbfs(waveform, span), 2),
                            "kind": "speech",
                        }
                        for channel, waveform in enumerate(channels)
                        for number, span in enumerate(next(found))
                    ]
                }
                for recording, channels in batch
            }
        )

    return Stage(
        inputs=INPUTS,
        fingerprint=Fingerprint.of_model(INPUTS.stage, CODE_VERSION, identity),
        prepare=models.detector,
        load=context.archive.load,
        compute=compute,
        write=rows_writer(INPUTS.stage),
    )


STAGE = StageDefinition(
    name=INPUTS.stage,
    asset="vad_segments",
    tables=(tables.segments,),
    upstream=INPUTS.upstream,
    code_version=CODE_VERSION,
    build=_build,
)
