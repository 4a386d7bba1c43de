"""Every target, by its name."""

from tests.fuzz import documents, files, gateway, records, state
from tests.fuzz.target import Target

TARGETS: dict[str, Target] = {
    target.name: target for room in (records, state, documents, files, gateway) for target in room.TARGETS
}
