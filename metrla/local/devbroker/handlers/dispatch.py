"""From the frame of a request to the frame of its response."""

from metrla.local.devbroker.handlers import fetch, groups, produce, topics
from metrla.local.devbroker.handlers.context import BrokerState, Handler, Request, RequestContext, Response
from metrla.local.devbroker.wire.apis import EXCHANGES, ApiKey, version_ranges
from metrla.local.devbroker.wire.codec import MalformedRequestError, RequestHeader, encode_response, read_request
from metrla.local.devbroker.wire.error_codes import ErrorCode


async def api_versions(_state: BrokerState, _request: Request, _context: RequestContext) -> Response:
    """Tell the client what this broker serves."""
    return {"error_code": ErrorCode.NONE, "api_versions": version_ranges(), "throttle_time_ms": 0}


HANDLERS: dict[ApiKey, Handler] = {
    ApiKey.PRODUCE: produce.produce,
    ApiKey.FETCH: fetch.fetch,
    ApiKey.LIST_OFFSETS: fetch.list_offsets,
    ApiKey.METADATA: topics.metadata,
    ApiKey.OFFSET_COMMIT: groups.offset_commit,
    ApiKey.OFFSET_FETCH: groups.offset_fetch,
    ApiKey.FIND_COORDINATOR: groups.find_coordinator,
    ApiKey.JOIN_GROUP: groups.join_group,
    ApiKey.HEARTBEAT: groups.heartbeat,
    ApiKey.LEAVE_GROUP: groups.leave_group,
    ApiKey.SYNC_GROUP: groups.sync_group,
    ApiKey.DESCRIBE_GROUPS: groups.describe_groups,
    ApiKey.LIST_GROUPS: groups.list_groups,
    ApiKey.API_VERSIONS: api_versions,
    ApiKey.CREATE_TOPICS: topics.create_topics,
    ApiKey.DELETE_TOPICS: topics.delete_topics,
    ApiKey.DELETE_RECORDS: topics.delete_records,
    ApiKey.INIT_PRODUCER_ID: produce.init_producer_id,
    ApiKey.DESCRIBE_CONFIGS: topics.describe_configs,
    ApiKey.CREATE_PARTITIONS: topics.create_partitions,
    ApiKey.DELETE_GROUPS: groups.delete_groups,
}


async def answer(state: BrokerState, frame: bytes, header: RequestHeader, context: RequestContext) -> bytes | None:
    """Handle one request; None if it wants no response.

    An `ApiVersions` request of a version that is too new is answered in version 0 with UNSUPPORTED_VERSION and the
    ranges, from which the client chooses; that is how every client of a newer Kafka finds out.

    Raises:
        MalformedRequestError: unknown API or version, or bytes that do not follow the schema.
    """
    exchanges = EXCHANGES.get(header.api_key)  # type: ignore[call-overload]  # an int that is no ApiKey finds nothing
    exchange = exchanges.get(header.api_version) if exchanges else None
    if exchange is None:
        if header.api_key == ApiKey.API_VERSIONS:
            oldest = EXCHANGES[ApiKey.API_VERSIONS][0].response
            refusal = {"error_code": ErrorCode.UNSUPPORTED_VERSION, "api_versions": version_ranges()}
            return encode_response(header.correlation_id, oldest, refusal)
        raise MalformedRequestError(f"version {header.api_version} of API {header.api_key} is not served")
    client_id, request = read_request(frame, exchange.request)
    named = RequestContext(
        api_version=header.api_version,
        client_id=client_id,
        client_host=context.client_host,
        disconnected=context.disconnected,
    )
    response = await HANDLERS[ApiKey(header.api_key)](state, request, named)
    return None if response is None else encode_response(header.correlation_id, exchange.response, response)
