"""The main job: everything from the drop folder to the alerts."""

import dagster as dg

process_calls = dg.define_asset_job(
    "process_calls",
    selection=dg.AssetSelection.assets(
        "raw_recordings", "vad_segments", "transcripts", "emotion_scores", "alerts"
    )
    | dg.AssetSelection.all_asset_checks(),
    description="Take the days' recordings from the drop folder and hear them, up to the alerts.",
)
