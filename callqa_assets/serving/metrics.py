"""Counters and gauges for Prometheus, at `/metrics`."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest


class Metrics:
    """The metrics of one server, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Histogram(
            "callqa_request_seconds",
            "Time to answer a request, by route and status",
            ["route", "status"],
            registry=self.registry,
        )
        self.uploaded_files = Counter(
            "callqa_uploaded_files", "Files received", registry=self.registry
        )
        self.uploaded_bytes = Counter(
            "callqa_uploaded_bytes", "Bytes of files received", registry=self.registry
        )
        self.queued_files = Gauge(
            "callqa_queued_files", "Uploaded files still to be processed", registry=self.registry
        )
        self.oldest_queued = Gauge(
            "callqa_oldest_queued_seconds",
            "Age of the oldest uploaded file still to be processed",
            registry=self.registry,
        )
        self.live_sessions = Gauge(
            "callqa_live_sessions", "Calls that are being streamed", registry=self.registry
        )
        self.free_bytes = Gauge(
            "callqa_free_bytes", "Free space on the home's disk", registry=self.registry
        )
        self.healthy = Gauge(
            "callqa_healthy", "1 where /health finds nothing wrong", registry=self.registry
        )

    def render(self) -> bytes:
        """The text format of Prometheus."""
        return generate_latest(self.registry)
