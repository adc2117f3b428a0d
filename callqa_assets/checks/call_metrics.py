"""Checks on `call_metrics`."""

from callqa_assets.checks.day_checks import stage_checks
from callqa_assets.stages.conversation import STAGE

CHECKS = stage_checks(
    STAGE,
    complete="every_recording_was_measured",
    failures="Recordings whose conversation could not be measured.",
)
