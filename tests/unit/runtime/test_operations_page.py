"""docs/operations.md names what there is."""

import re

from prometheus_client import CollectorRegistry

from shared.events.errors import RejectionReason
from shared.runtime.metrics import (
    AdvisoryMetrics,
    AlertDetectorMetrics,
    GatewayMetrics,
    IngestMetrics,
    PredictorMetrics,
)
from tests.kit.places import ROOT

PAGE = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")


def test_every_metric_is_described_and_no_other() -> None:
    registry = CollectorRegistry()
    for metrics in (IngestMetrics, PredictorMetrics, AlertDetectorMetrics, GatewayMetrics, AdvisoryMetrics):
        metrics(registry)
    assert set(re.findall(r"^\| `(metrla_\w+)`", PAGE, re.MULTILINE)) == {family.name for family in registry.collect()}


def test_every_reason_is_named() -> None:
    for reason in RejectionReason:
        assert f"`{reason}`" in PAGE
