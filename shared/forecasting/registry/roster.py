"""What each version of a network's models serves as, for the store. Pure."""

from collections.abc import Iterable
from datetime import datetime

from shared.events.records import NetworkId
from shared.forecasting.registry.loading import Key
from shared.forecasting.registry.serving import Serving
from shared.store.model_records import ModelRole, ServedModel

SERVING = frozenset({ModelRole.CHAMPION, ModelRole.CHALLENGER, ModelRole.MEMBER})


def roster(network_id: NetworkId, serving: Serving, now: datetime) -> list[ServedModel]:
    """All versions that serve or were refused, in their roles since `now` (aware, wall time)."""
    # Stores keep instants to the millisecond.
    since = now.replace(microsecond=now.microsecond // 1000 * 1000)
    roles: dict[Key, ModelRole] = dict.fromkeys(serving.loaded, ModelRole.MEMBER)
    roles |= {served.key: ModelRole.CHALLENGER for served in serving.ranked}
    if serving.champion is not None:
        roles[serving.champion.key] = ModelRole.CHAMPION
    cards = {served.key: served.card for served in (*serving.loaded.values(), *serving.ranked)}
    serve = [ServedModel(network_id, *key, role, since, cards[key].short) for key, role in roles.items()]
    refused = [
        ServedModel(network_id, one.model_name, one.version, ModelRole.REFUSED, since, {}, one.reason)
        for one in serving.refused
    ]
    return serve + refused


def changes(known: Iterable[ServedModel], current: Iterable[ServedModel], now: datetime) -> list[ServedModel]:
    """What is to be stored, given what the store has: new roles, and those that served and do so no longer."""
    stored = {(one.model_name, one.model_version): one for one in known}
    mine = {(one.model_name, one.model_version): one for one in current}
    changed = [
        one
        for key, one in mine.items()
        if key not in stored or (stored[key].role, stored[key].reason) != (one.role, one.reason)
    ]
    since = now.replace(microsecond=now.microsecond // 1000 * 1000)
    retired = [
        ServedModel(one.network_id, *key, ModelRole.RETIRED, since, one.card)
        for key, one in stored.items()
        if key not in mine and one.role in SERVING
    ]
    return changed + retired
