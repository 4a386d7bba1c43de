"""Every metric that metrla exposes: the only place where metrics are named.

Named `metrla_<service>_<thing>_<unit>`. A service builds its own class on a registry of its own; no label carries a
sensor id or a raw path.
"""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_BATCH_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


def _quarantined(name: str, registry: CollectorRegistry) -> Counter:
    return Counter(name, "Records that a stage could not handle for their own sake.", ["stage"], registry=registry)


class IngestMetrics:
    """What ingest counts."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.events = Counter("metrla_ingest_events", "Valid events read.", ["network"], registry=registry)
        self.rejected = Counter("metrla_ingest_rejected_events", "Events dead-lettered.", ["reason"], registry=registry)
        self.quarantined = _quarantined("metrla_ingest_quarantined_records", registry)
        self.rejected_share = Gauge(
            "metrla_ingest_rejected_share_ratio", "Share (0-1) of the last events that was rejected.", registry=registry
        )
        self.duplicates = Counter("metrla_ingest_duplicate_events", "Readings that came twice.", registry=registry)
        self.merged = Counter(
            "metrla_ingest_merged_events", "Messages that added a measure to a reading known.", registry=registry
        )
        self.too_late = Counter(
            "metrla_ingest_too_late_events",
            "Readings beyond the lateness: archived, in no window.",
            ["network"],
            registry=registry,
        )
        self.clocks_off = Gauge(
            "metrla_ingest_sensors_with_clock_off",
            "Sensors whose clocks are fast or slow by more than a window.",
            ["network"],
            registry=registry,
        )
        self.clock_skew = Gauge(
            "metrla_ingest_clock_skew_seconds",
            "By how much the clock is fast, or slow where negative, that is furthest off.",
            ["network"],
            registry=registry,
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
        self.quarantined = _quarantined("metrla_predictor_quarantined_records", registry)
        self.scores = Counter(
            "metrla_predictor_scores", "Scores of a model for a window, first or again.", ["model"], registry=registry
        )
        by_horizon = ["network", "model", "horizon"]
        self.rolling_mae = Gauge(
            "metrla_predictor_rolling_mae_mph",
            "Mean absolute error over the rolling span, by minutes ahead.",
            by_horizon,
            registry=registry,
        )
        self.rolling_bias = Gauge(
            "metrla_predictor_rolling_bias_mph",
            "Mean of predicted minus actual speed over the rolling span.",
            by_horizon,
            registry=registry,
        )
        self.rolling_coverage = Gauge(
            "metrla_predictor_rolling_coverage_ratio",
            "Share (0-1) of actual speeds within their 90 % intervals over the rolling span.",
            by_horizon,
            registry=registry,
        )
        self.rolling_calibration_error = Gauge(
            "metrla_predictor_rolling_calibration_error_ratio",
            "Expected calibration error (0-1) of confidence over the rolling span.",
            by_horizon,
            registry=registry,
        )
        self.interval_scale = Gauge(
            "metrla_predictor_interval_scale_ratio",
            "What online adaptation multiplies the reach of intervals by.",
            by_horizon,
            registry=registry,
        )
        self.input_stability = Gauge(
            "metrla_predictor_input_stability_index",
            "Population stability index of the rolling span's speeds against the training history.",
            ["network"],
            registry=registry,
        )
        self.input_missing = Gauge(
            "metrla_predictor_input_missing_ratio",
            "Share (0-1) of the rolling span's speeds that are missing, doubted or zero.",
            ["network"],
            registry=registry,
        )
        self.error_drift = Gauge(
            "metrla_predictor_error_drift_index",
            "Page-Hinkley statistic of the rolling MAE against that of the validation part.",
            ["network", "model"],
            registry=registry,
        )
        self.drifting = Gauge(
            "metrla_predictor_drifting",
            "1 while a drift lasts: of speeds, of missing speeds, of a model's error.",
            ["network", "kind", "model"],
            registry=registry,
        )
        self.drifts = Counter(
            "metrla_predictor_drifts", "Drifts that began.", ["network", "kind", "model"], registry=registry
        )
        self.model_info = Gauge(
            "metrla_predictor_model_info",
            "1 for each version of a model that serves, with its role.",
            ["network", "model", "version", "role"],
            registry=registry,
        )
        self.model_loads = Counter(
            "metrla_predictor_model_loads", "Versions of models loaded.", ["network", "model"], registry=registry
        )
        self.model_refusals = Counter(
            "metrla_predictor_model_refusals", "Versions of models refused.", ["network", "model"], registry=registry
        )
        self.promotions = Counter(
            "metrla_predictor_promotions", "Challengers promoted by the rule.", ["network"], registry=registry
        )


class AlertDetectorMetrics:
    """What the alert-detector counts."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.windows = Counter("metrla_alert_detector_windows", "Windows read.", registry=registry)
        self.changes = Counter(
            "metrla_alert_detector_changes", "Alert changes sent.", ["alert_type", "status"], registry=registry
        )
        self.active = Gauge("metrla_alert_detector_active_alerts", "Active alerts.", ["alert_type"], registry=registry)
        self.doubted = Gauge(
            "metrla_alert_detector_doubted_sensors", "Sensors whose readings are not believed.", registry=registry
        )
        graded = ["network", "grade"]
        self.alarm_rate = Gauge(
            "metrla_alert_detector_alarms_per_100_sensor_days",
            "Incident alarms of a grade and above in the last weeks; NaN before a sensor-day was watched.",
            graded,
            registry=registry,
        )
        self.alarm_budget = Gauge(
            "metrla_alert_detector_budget_per_100_sensor_days",
            "How many of them there may be.",
            graded,
            registry=registry,
        )
        self.alarm_threshold = Gauge(
            "metrla_alert_detector_alarm_threshold",
            "The evidence that raises an alarm of a grade now.",
            graded,
            registry=registry,
        )
        self.state_bytes = Counter(
            "metrla_alert_detector_state_bytes", "Bytes of what was learned, written to its topic.", registry=registry
        )
        self.rejected = Counter("metrla_alert_detector_rejected_windows", "Windows dead-lettered.", registry=registry)
        self.quarantined = _quarantined("metrla_alert_detector_quarantined_records", registry)


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
        self.connections = Gauge("metrla_gateway_connections", "Connections open.", registry=registry)
        self.refused = Counter(
            "metrla_gateway_refused",
            "Requests and connections refused before any work: by status, connection or tls.",
            ["why"],
            registry=registry,
        )
        self.rejected = Counter("metrla_gateway_rejected_records", "Records that could not be read.", registry=registry)
        self.quarantined = _quarantined("metrla_gateway_quarantined_records", registry)
        self.lag = Gauge("metrla_gateway_lag_records", "Records behind the ends of the topics.", registry=registry)
        by_stage = ["network", "stage"]
        self.data_age = Gauge(
            "metrla_gateway_data_age_seconds",
            "Wall time since the last arrival at a stage; NaN while nothing is due.",
            by_stage,
            registry=registry,
        )
        self.windows_behind = Gauge(
            "metrla_gateway_forecast_windows_behind",
            "Windows that are newer than the newest forecast.",
            ["network"],
            registry=registry,
        )
        self.data_stale = Gauge(
            "metrla_gateway_data_stale", "1 while a stage is older than it may be.", by_stage, registry=registry
        )


class AdvisoryMetrics:
    """What `metrla advisories watch` counts."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.features = Gauge("metrla_advisories_features", "Features of the feed as last read.", registry=registry)
        self.rejected = Gauge(
            "metrla_advisories_rejected_features", "Features of the feed that cannot be used.", registry=registry
        )
        self.unmatched = Gauge(
            "metrla_advisories_unmatched_features", "Features of the feed that affect no sensor.", registry=registry
        )
        self.unread = Gauge(
            "metrla_advisories_unread_features", "Features that say more than is read.", registry=registry
        )
        self.partial = Gauge(
            "metrla_advisories_partial", "1 while only a part of the feed can be read.", registry=registry
        )
        self.published = Counter("metrla_advisories_published", "Advisories new or changed.", registry=registry)
        self.withdrawn = Counter("metrla_advisories_withdrawn", "Advisories withdrawn.", registry=registry)
        self.failures = Counter(
            "metrla_advisories_failures", "Times that the feed could not be read.", registry=registry
        )
