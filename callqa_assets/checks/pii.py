"""Checks on `pii_spans`."""

from callqa_assets.checks.day_checks import stage_checks
from callqa_assets.stages.pii import STAGE

CHECKS = [
    *stage_checks(
        STAGE,
        complete="every_recording_was_searched_for_pii",
        failures="Recordings whose transcripts could not be searched for personal data.",
    ),
]
