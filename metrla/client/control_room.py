"""What a control room asks and does: alerts and actions on them, advisories."""

from collections.abc import Collection
from urllib.parse import quote
from uuid import uuid4

from pydantic import TypeAdapter

from metrla.client.advisories import Advisory, NewAdvisory, Receipt
from metrla.client.alerts import Action, Alert, NewAction
from metrla.client.answers import parse_list, validated
from metrla.client.connection import Connection
from metrla.client.values import AdvisoryState, AdvisoryType, AlertActionKind, AlertSeverity, AlertType


class ControlRoom(Connection):
    """Alerts and advisories. What writes needs the gateway's write token: else `GatewayError` 401 or 403."""

    async def alerts(
        self,
        *,
        limit: int = 50,
        severity: AlertSeverity | None = None,
        alert_type: AlertType | None = None,
        active: bool | None = None,
        acknowledged: bool | None = None,
        predicted: bool | None = None,
        sensor_id: str | None = None,
        network_id: str | None = None,
    ) -> list[Alert]:
        """Alerts, the last raised first, `limit` (1-200) at most; raises `GatewayError`."""
        return await self._list(
            Alert,
            "/api/alerts",
            limit=limit,
            severity=severity,
            alert_type=alert_type,
            active=active,
            acknowledged=acknowledged,
            predicted=predicted,
            sensor_id=sensor_id,
            network_id=network_id,
        )

    async def alert(self, alert_id: str) -> Alert:
        """One alert with its evidence and with what operators did; raises `GatewayError` (`status` 404: none such)."""
        return validated(TypeAdapter(Alert), await self._get(f"/api/alerts/{quote(alert_id, safe='')}"))

    async def act(
        self, alert_id: str, kind: AlertActionKind, operator: str, text: str = "", *, action_id: str | None = None
    ) -> Action:
        """Acknowledge, comment on or close an alert.

        Args:
            alert_id: the alert.
            kind: what is done.
            operator: who does it.
            text: what they say; a comment needs one.
            action_id: the same id again is the same action, which counts once; absent: a new one.

        Raises:
            GatewayError: there is no such alert (`status` 404), it is cleared and cannot be closed (409), a value is
                not valid (422), or the log does not take it (503).
        """
        new = NewAction(kind=kind, operator=operator, text=text, action_id=action_id or str(uuid4()))
        path, headers = f"/api/alerts/{quote(alert_id, safe='')}/actions", {"Content-Type": "application/json"}
        return validated(
            TypeAdapter(Action), await self._write("POST", path, content=new.model_dump_json(), headers=headers)
        )

    async def advisories(
        self,
        *,
        limit: int = 100,
        advisory_type: AdvisoryType | None = None,
        states: Collection[AdvisoryState] | None = None,
        network_id: str | None = None,
    ) -> list[Advisory]:
        """Advisories, latest start first, `limit` (1-1000) at most; without `states` those that hold or will.

        Raises:
            GatewayError: a parameter is not valid, or the gateway does not answer.
        """
        wanted = {"limit": limit, "advisory_type": advisory_type, "network_id": network_id}
        params = {name: value for name, value in wanted.items() if value is not None}
        answer = await self._request("GET", "/api/advisories", params={**params, "state": sorted(states or ())})
        return parse_list(Advisory, answer)

    async def advisory(self, advisory_id: str) -> Advisory:
        """One advisory, whatever its state; raises `GatewayError` (`status` 404: there is none such)."""
        return validated(TypeAdapter(Advisory), await self._get(f"/api/advisories/{quote(advisory_id, safe='')}"))

    async def publish_advisory(self, new: NewAdvisory) -> Advisory:
        """Publish one advisory, or change the one of the same `id`.

        Raises:
            GatewayError: it touches no sensor or a value is not valid (`status` 422), or the log does not take it
                (503).
        """
        answer = await self._write(
            "POST",
            "/api/advisories",
            content=new.model_dump_json(exclude_none=True),
            headers={"Content-Type": "application/json"},
        )
        return validated(TypeAdapter(Advisory), answer)

    async def publish_document(self, data: bytes, *, feed: str = "", complete: bool = False) -> Receipt:
        """Publish what a document says, in whichever format the gateway reads: WZDx, Open511, DATEX II, CAP and others.

        Args:
            data: the document.
            feed: name of the feed that it is from.
            complete: it is all that `feed` holds; what it no longer has is withdrawn.

        Raises:
            GatewayError: nothing of it can be used (`status` 422), or the log does not take it (503).
        """
        params = {"feed": feed, "complete": str(complete).lower()}
        return validated(
            TypeAdapter(Receipt), await self._write("POST", "/api/advisories", content=data, params=params)
        )

    async def withdraw_advisory(self, advisory_id: str) -> Advisory:
        """Take an advisory back; its alert is cleared. Raises `GatewayError`."""
        path = f"/api/advisories/{quote(advisory_id, safe='')}"
        return validated(TypeAdapter(Advisory), await self._write("DELETE", path))
