"""The advisories that are on the log, by network. Pure."""

from collections.abc import Iterable, Mapping

from shared.events.records import AdvisoryId, NetworkId, TrafficAdvisory


class CurrentAdvisories:
    """What publishers say at present.

    `complete` is false until all of the log was read for the first time: before that, an advisory that is not here may
    still come. `edition` grows with every change.
    """

    def __init__(self) -> None:
        self.complete = False
        self.edition = 0
        self._by_network: dict[NetworkId, dict[AdvisoryId, TrafficAdvisory]] = {}

    def replace(self, advisories: Mapping[AdvisoryId, TrafficAdvisory]) -> None:
        """Take in all of the log."""
        self._by_network = {}
        for advisory in advisories.values():
            self._by_network.setdefault(advisory.network_id, {})[advisory.advisory_id] = advisory
        self.complete = True
        self.edition += 1

    def take(self, advisory: TrafficAdvisory) -> None:
        """Take in one advisory, new or changed."""
        self._by_network.setdefault(advisory.network_id, {})[advisory.advisory_id] = advisory
        self.edition += 1

    def drop(self, advisory_id: AdvisoryId) -> None:
        """Forget one advisory."""
        for there in self._by_network.values():
            there.pop(advisory_id, None)
        self.edition += 1

    def of(self, network_id: NetworkId) -> Iterable[TrafficAdvisory]:
        """The advisories of a network, those withdrawn as well."""
        return self._by_network.get(network_id, {}).values()
