"""Checks on `script_checks`."""

from callqa_assets.checks.day_checks import Bounds, Measure, drift_check, stage_checks
from callqa_assets.stages.scripts import STAGE
from callqa_assets.warehouse.scripts import share_of_outcome

_FEWEST_ITEMS = 200
"""Of fewer the share is chance: with 200 its standard deviation is at most 0.035."""


def _share(outcome: str, *others: str) -> Measure:
    return lambda connection, day: share_of_outcome(
        connection, day, outcome, others, at_least=_FEWEST_ITEMS
    )


CHECKS = [
    *stage_checks(
        STAGE,
        complete="every_recording_was_judged_by_its_scripts",
        failures="Recordings that could not be compared with their scripts.",
    ),
    drift_check(
        STAGE.asset,
        "share_missed",
        "Share of missed items among those passed or missed: where it jumps, a script, the "
        "recogniser or a team changed.",
        _share("missed", "passed"),
        Bounds(low=0.0, high=0.6, max_change=0.15),
    ),
    drift_check(
        STAGE.asset,
        "share_unsure",
        "Share of items of which nothing can be said: mono recordings, or poor transcripts.",
        _share("unsure", "passed", "missed", "forbidden"),
        Bounds(low=0.0, high=0.5, max_change=0.15),
    ),
]
