"""`GET /api/sensors` and `GET /api/networks`: where the sensors are, and their latest measurements."""

from fastapi import APIRouter, Response

from services.gateway.responses import NetworkReport, SensorReport, SensorTimesReport
from services.gateway.routes.gateway import COMPLETE_VIEW, INCOMPLETE_VIEW, Running
from services.gateway.routes.guarded import ViewRoute
from services.gateway.routes.parameters import NetworkParameter, WhereParameter
from services.gateway.written import json_list
from shared.events.records import NetworkId

router = APIRouter(tags=["traffic"], route_class=ViewRoute, dependencies=COMPLETE_VIEW, responses=INCOMPLETE_VIEW)


@router.get("/api/sensors", summary="Sensors with their latest measurements", response_model=list[SensorReport])
async def sensors(gateway: Running, where: WhereParameter, network_id: NetworkParameter = None) -> Response:
    """Give every sensor, in the order of its network, with its newest window."""
    states = gateway.view.sensors(None if network_id is None else NetworkId(network_id), where)
    return json_list(map(gateway.written.sensor, states))


@router.get("/api/sensors/times", summary="Sensors whose clocks are off or whose readings come too late")
async def sensor_times(gateway: Running, network_id: NetworkParameter = None) -> list[SensorTimesReport]:
    """Give the sensors with whose times something is wrong; an empty list where nothing is."""
    states = gateway.view.times.states(None if network_id is None else NetworkId(network_id))
    return [SensorTimesReport.of(state) for state in states]


@router.get("/api/networks", summary="Sensor networks")
async def networks(gateway: Running) -> list[NetworkReport]:
    """Give every sensor network that the gateway serves, with the age of its data."""
    return [
        NetworkReport.of(network, gateway.ages.of(network.network_id), *gateway.view.reporting(network.network_id))
        for network in gateway.view.networks.values()
    ]
