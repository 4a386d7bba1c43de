"""`GET /api/sensors` and `GET /api/networks`: what stands where, and what it measured last."""

from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, Field

from services.gateway.dependencies import Running
from services.gateway.responses import SensorReport
from services.gateway.routes.parameters import NetworkParameter, RoadTypeParameter
from shared.events.records import NetworkId

router = APIRouter(tags=["traffic"])


class NetworkReport(BaseModel):
    """A sensor network that the gateway serves."""

    network_id: str
    name: str
    time_zone: str = Field(description="IANA time zone of the roads; every timestamp of the API is in UTC.")
    window_minutes: Annotated[float, Field(gt=0, description="Length of an aggregation window, minutes.")]
    sensor_count: int


@router.get("/api/sensors", summary="Sensors and what they measured last")
async def sensors(
    gateway: Running, network_id: NetworkParameter = None, road_type: RoadTypeParameter = None
) -> list[SensorReport]:
    """Give every sensor, in the order of its network, with its newest window."""
    states = gateway.view.windows.states(None if network_id is None else NetworkId(network_id), road_type)
    return [SensorReport.of(state) for state in states]


@router.get("/api/networks", summary="Sensor networks")
async def networks(gateway: Running) -> list[NetworkReport]:
    """Give every sensor network that the gateway serves."""
    return [
        NetworkReport(
            network_id=network.network_id,
            name=network.name,
            time_zone=network.time_zone.key,
            window_minutes=network.window.total_seconds() / 60,
            sensor_count=len(network.sensors),
        )
        for network in gateway.view.networks.values()
    ]
