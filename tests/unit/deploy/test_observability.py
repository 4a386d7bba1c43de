"""What Prometheus scrapes and Grafana draws exists: ports, services, metrics and their labels."""

import json
import re
from collections.abc import Iterator
from typing import Any

from prometheus_client import CollectorRegistry
from ruamel.yaml import YAML

from metrla.cli.run import Service
from shared.runtime import metrics
from tests.kit.places import ROOT

DEPLOY = ROOT / "deploy"
METRIC = re.compile(r"\bmetrla_\w+")
LABELS = re.compile(r"by \(([^)]*)\)|\{\{(\w+)\}\}")


def loaded(path: str) -> dict[str, Any]:
    found: dict[str, Any] = YAML(typ="safe", pure=True).load(DEPLOY / path)
    return found


def known_metrics() -> dict[str, set[str]]:
    """The labels of each series that a service exposes."""
    registry = CollectorRegistry()
    for kind in (
        metrics.IngestMetrics,
        metrics.PredictorMetrics,
        metrics.AlertDetectorMetrics,
        metrics.GatewayMetrics,
    ):
        for metric in vars(kind(registry)).values():
            assert metric
    series: dict[str, set[str]] = {}
    for collector, names in registry._collector_to_names.items():
        labels = set(getattr(collector, "_labelnames", ()))
        series.update({name: labels | ({"le"} if name.endswith("_bucket") else set()) for name in names})
    return series


def targets() -> Iterator[tuple[str, dict[str, str]]]:
    dashboard = json.loads((DEPLOY / "grafana/dashboards/metrla.json").read_text(encoding="utf-8"))
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target


def test_prometheus_scrapes_each_service_where_it_listens() -> None:
    port = re.search(r"EXPOSE (\d+)", (DEPLOY / "docker/Dockerfile").read_text(encoding="utf-8"))
    assert port
    (job,) = loaded("prometheus/prometheus.yml")["scrape_configs"]
    assert "metrics_path" not in job, "the default is ours: /metrics"
    assert set(job["static_configs"][0]["targets"]) == {f"{service}:{port[1]}" for service in Service}


def test_the_dashboard_draws_series_that_exist_by_labels_that_they_have() -> None:
    known = known_metrics()
    drawn = set()
    for title, target in targets():
        used = METRIC.findall(target["expr"])
        assert used, title
        for name in used:
            assert name in known, (title, name)
            assert not (name.endswith("_created")), title
            wanted = LABELS.findall(target["expr"] + target["legendFormat"])
            labels = {label.strip() for pair in wanted for part in pair for label in part.split(",") if label.strip()}
            assert labels <= known[name], (title, name)
        drawn |= {name.split("_")[1] for name in used}
    assert drawn == {"ingest", "predictor", "alert", "gateway"}


def test_counters_are_drawn_as_rates_only() -> None:
    for title, target in targets():
        for counter in re.findall(r"metrla_\w+_(?:total|bucket)", target["expr"]):
            assert f"rate({counter}[" in target["expr"], title


def test_grafana_finds_its_source_and_its_dashboard() -> None:
    (source,) = loaded("grafana/provisioning/datasources/prometheus.yml")["datasources"]
    dashboard = json.loads((DEPLOY / "grafana/dashboards/metrla.json").read_text(encoding="utf-8"))
    assert {panel["datasource"]["uid"] for panel in dashboard["panels"]} == {source["uid"]}
    compose = YAML(typ="safe", pure=True).load(DEPLOY.parent / "docker-compose.yml")["services"]
    (provider,) = loaded("grafana/provisioning/dashboards/metrla.yml")["providers"]
    mounted = {volume.split(":")[1] for volume in compose["grafana"]["volumes"]}
    assert provider["options"]["path"] in mounted
    assert compose["prometheus"]["ports"][0].endswith(source["url"].rpartition(":")[2])
