"""Every target, by its name."""

from tests.fuzz import documents, files, gateway, judging, records, state, terminal
from tests.fuzz.target import Target

ROOMS = (records, judging, state, documents, files, gateway, terminal)

TARGETS: dict[str, Target] = {target.name: target for room in ROOMS for target in room.TARGETS}
