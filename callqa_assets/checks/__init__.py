"""Asset checks, one module a guarded asset. Integrity blocks what is downstream; drift warns."""

from callqa_assets.checks import alerts, deliveries, emotions, recordings, segments, transcripts

ALL = [
    *recordings.CHECKS,
    *segments.CHECKS,
    *transcripts.CHECKS,
    *emotions.CHECKS,
    *alerts.CHECKS,
    *deliveries.CHECKS,
]
