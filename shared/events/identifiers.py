"""The identifiers in records: text that must not be mixed up."""

from typing import NewType

NetworkId = NewType("NetworkId", str)
SensorId = NewType("SensorId", str)
AlertId = NewType("AlertId", str)
AdvisoryId = NewType("AdvisoryId", str)
