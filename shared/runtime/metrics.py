"""Every metric that metrla exposes: the only place where a metric's name stands.

Named `metrla_<service>_<thing>_<unit>`. A service builds its own class on a registry of its own; no label carries a
sensor id or a raw path.
"""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_BATCH_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class IngestMetrics:
    """What ingest counts."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.events = Counter("metrla_ingest_events", "Valid events read.", ["network"], registry=registry)
        self.rejected = Counter("metrla_ingest_rejected_events", "Events dead-lettered.", ["reason"], registry=registry)
        self.rejected_share = Gauge(
            "metrla_ingest_rejected_share_ratio", "Share (0-1) of the last events that was rejected.", registry=registry
        )
        self.duplicates = Counter("metrla_ingest_duplicate_events", "Readings that came again.", registry=registry)
        self.too_late = Counter(
            "metrla_ingest_too_late_events", "Readings beyond the lateness: archived, in no window.", registry=registry
        )
        self.windows = Counter("metrla_ingest_windows", "Windows emitted.", ["kind"], registry=registry)
        self.archived = Counter("metrla_ingest_archived_events", "Events archived.", registry=registry)
        self.files = Counter("metrla_ingest_archive_files", "Archive files written.", registry=registry)
        self.lag = Gauge("metrla_ingest_lag_events", "Events behind the log's end.", ["group"], registry=registry)
        self.batch_seconds = Histogram(
            "metrla_ingest_batch_seconds",
            "Time to handle one batch.",
            ["group"],
            buckets=_BATCH_SECONDS,
            registry=registry,
        )


class PredictorMetrics:
    """What the predictor counts."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.windows = Counter("metrla_predictor_windows", "Windows read.", registry=registry)
        self.steps = Counter("metrla_predictor_steps", "Network steps forecast.", ["kind"], registry=registry)
        self.without_challengers = Counter(
            "metrla_predictor_steps_without_challengers",
            "Steps that the champion alone forecast, to catch up.",
            registry=registry,
        )
        self.predictions = Counter("metrla_predictor_predictions", "Predictions sent.", ["model"], registry=registry)
        self.step_seconds = Histogram(
            "metrla_predictor_step_seconds", "Time to forecast one step.", buckets=_BATCH_SECONDS, registry=registry
        )
        self.rejected = Counter("metrla_predictor_rejected_windows", "Windows dead-lettered.", registry=registry)


class AlertDetectorMetrics:
    """What the alert-detector counts."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.windows = Counter("metrla_alert_detector_windows", "Windows read.", registry=registry)
        self.changes = Counter(
            "metrla_alert_detector_changes", "Alert changes sent.", ["alert_type", "status"], registry=registry
        )
        self.active = Gauge(
            "metrla_alert_detector_active_alerts", "Alerts that stand.", ["alert_type"], registry=registry
        )
        self.rejected = Counter("metrla_alert_detector_rejected_windows", "Windows dead-lettered.", registry=registry)


class GatewayMetrics:
    """What the gateway counts."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.requests = Counter(
            "metrla_gateway_requests", "Requests answered.", ["route", "method", "status"], registry=registry
        )
        self.request_seconds = Histogram(
            "metrla_gateway_request_seconds", "Time to answer.", ["route"], buckets=_BATCH_SECONDS, registry=registry
        )
        self.clients = Gauge("metrla_gateway_websocket_clients", "WebSocket clients connected.", registry=registry)
        self.updates = Counter("metrla_gateway_websocket_updates", "Updates sent to clients.", registry=registry)
        self.coalesced = Counter(
            "metrla_gateway_websocket_coalesced_updates", "Updates merged for slow clients.", registry=registry
        )
        self.closed_slow = Counter(
            "metrla_gateway_websocket_slow_closes", "Clients closed as hopelessly slow.", registry=registry
        )
        self.rejected = Counter("metrla_gateway_rejected_records", "Records that could not be read.", registry=registry)
        self.lag = Gauge("metrla_gateway_lag_records", "Records behind the ends of the topics.", registry=registry)
