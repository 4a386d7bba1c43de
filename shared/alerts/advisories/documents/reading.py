"""Bytes of whatever published format into drafts and reasons. Pure."""

from datetime import datetime
from zoneinfo import ZoneInfo

from shared.alerts.advisories.documents.draft import DocumentFormat, Parsed, UnreadableAdvisoriesError
from shared.alerts.advisories.documents.formats import cap, nws, open511, wzdx
from shared.alerts.advisories.documents.formats.reading import read_json

BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def read_advisories(data: bytes, time_zone: ZoneInfo, now: datetime, form: DocumentFormat | None = None) -> Parsed:
    """All of a document, every feature accounted for.

    Args:
        data: the document as it came.
        time_zone: of local times that name none.
        now: around which recurring schedules are written down, UTC.
        form: the format, where it is known; else it is told from the content.

    Raises:
        UnreadableAdvisoriesError: the document as a whole is none of the formats.
    """
    text = data.removeprefix(BYTE_ORDER_MARK).strip()
    if form is DocumentFormat.CAP or (form is None and text.startswith(b"<")):
        return cap.parse(text)
    document = read_json(text)
    if form is DocumentFormat.OPEN511 or (form is None and open511.is_open511(document)):
        return open511.parse(document, time_zone, now)
    if form is DocumentFormat.NWS or (form is None and nws.is_nws(document)):
        return nws.parse(document)
    if form is DocumentFormat.WZDX or wzdx.is_wzdx(document):
        return wzdx.parse(document)
    raise UnreadableAdvisoriesError(
        "neither WZDx (`feed_info`), Open511 (`events`), alerts of api.weather.gov (`messageType`) nor CAP (XML)"
    )
