"""Numbers for Prometheus: how requests go, and how the programme stands when they are asked for."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from rasti.errors import Unavailable
from rasti.ledger.book import Book
from rasti.ledger.pulse import Pulse, pulse
from rasti.portal.prefect import Prefect
from rasti.steward.prefect_state import PrefectHealth

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """One registry an application, so that two in one process do not meet."""

    def __init__(self, book: Book, prefect: Prefect | None = None, *, without: Collection[str] = ()) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "rasti_http_requests", "Requests answered.", ["route", "method", "status"], registry=self._registry
        )
        self._seconds = Histogram(
            "rasti_http_request_seconds",
            "How long answers took.",
            ["route", "method"],
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
            registry=self._registry,
        )
        self._registry.register(_Programme(book, prefect, without))

    def note(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count one request; `route` is the template of its path, which holds nobody's data."""
        self._requests.labels(route, method, status).inc()
        self._seconds.labels(route, method).observe(seconds)

    def text(self) -> bytes:
        """Everything, as Prometheus reads it."""
        return generate_latest(self._registry)


class _Programme(Collector):
    """The pulse of the programme, taken when it is asked for."""

    def __init__(self, book: Book, prefect: Prefect | None, without: Collection[str]) -> None:
        self._book, self._prefect, self._without = book, prefect, without

    def describe(self) -> list[GaugeMetricFamily]:
        return []  # registering asks the database nothing

    def collect(self) -> Iterator[GaugeMetricFamily]:
        try:
            now = pulse(self._book, without=self._without)
            health = self._prefect.health(self._book) if self._prefect else None
        except Unavailable:
            # How requests go is told also then: it is what somebody wants to see.
            yield GaugeMetricFamily("rasti_database_up", "Whether the database answers.", value=0)
            return
        yield GaugeMetricFamily("rasti_database_up", "Whether the database answers.", value=1)
        yield from _families(now)
        if health is not None:
            yield from _prefect_families(health)


def _families(now: Pulse) -> Iterator[GaugeMetricFamily]:
    holder = GaugeMetricFamily("rasti_open_tenure", "Who holds the leads.", labels=["partner", "lead_month"])
    if now.holder is not None:
        holder.add_metric([now.holder, str(now.lead_month)], 1)
    yield holder
    yield _family("rasti_leads", "Leads by state.", "state", now.leads)
    yield GaugeMetricFamily("rasti_checkpoints_overdue", "Checkpoints without a verdict.", value=now.overdue)
    yield GaugeMetricFamily("rasti_oldest_overdue_seconds", "Since the oldest was due.", value=now.oldest_overdue)
    yield _family("rasti_messages_due", "Messages whose time has come.", "channel", now.due)
    yield _family("rasti_messages_failing", "Those that were tried in vain.", "channel", now.failing)
    yield _family("rasti_oldest_due_message_seconds", "How long the oldest waits.", "channel", now.oldest_due)
    alerts = now.trouble.alerts if now.trouble else 0
    yield GaugeMetricFamily("rasti_alerts_undelivered", "Alerts that mail could not carry.", value=alerts)
    yield _family("rasti_messages_dead", "Messages given up.", "channel", now.dead)
    yield GaugeMetricFamily("rasti_messages_bounced", "Mails that came back, not sent again since.", value=now.bounced)
    if now.restored is not None:
        yield GaugeMetricFamily("rasti_restored_seconds", "Since a backup was restored.", value=now.restored)
    yield _family("rasti_heartbeat_age_seconds", "Since a loop last finished a round.", "loop", now.heartbeats)


def _prefect_families(health: PrefectHealth) -> Iterator[GaugeMetricFamily]:
    verdicts = {"guard": health.verdicts.guard, "flow_run": health.verdicts.runs}
    yield _family("rasti_verdicts_last_hour", "Verdicts at due times in the last hour.", "by", verdicts)
    state = health.state
    yield GaugeMetricFamily("rasti_prefect_up", "Whether Prefect answers us.", value=state is not None)
    if state is None:
        return
    workers = {pool.name: pool.workers for pool in state.pools}
    paused = {pool.name: pool.paused for pool in state.pools}
    yield _family("rasti_prefect_workers_online", "Workers that report.", "pool", workers)
    yield _family("rasti_prefect_pool_paused", "Whether the work pool is paused.", "pool", paused)
    yield GaugeMetricFamily("rasti_prefect_runs_late", "Runs that no worker took in time.", value=state.late)
    yield GaugeMetricFamily("rasti_prefect_oldest_late_run_seconds", "Since it was due.", value=state.oldest_late)
    missing, lacking = len(state.missing), "Deployments that Prefect lacks."
    yield GaugeMetricFamily("rasti_prefect_deployments_missing", lacking, value=missing)


def _family(name: str, text: str, label: str, values: Mapping[Any, float]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=[label])
    for word, value in values.items():
        family.add_metric([str(word)], value)
    return family
