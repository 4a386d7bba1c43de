"""Bytes of whatever published format into drafts and reasons. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar
from xml.etree.ElementTree import Element
from zoneinfo import ZoneInfo

from shared.alerts.advisories.documents.draft import DocumentFormat, Extent, Parsed, UnreadableAdvisoriesError
from shared.alerts.advisories.documents.extent import extent_of_headers, extent_of_json, extent_of_xml, with_headers
from shared.alerts.advisories.documents.formats import cap, chp, cifs, datex2, lcs, nws, open511, open511_xml, wzdx
from shared.alerts.advisories.documents.formats.reading import Patience, patience, read_json
from shared.alerts.advisories.documents.formats.xml import UTF_16, is_xml, read_xml
from shared.alerts.advisories.documents.formats.zones import NO_ZONES, ZoneTable
from shared.alerts.advisories.documents.paging import whole
from shared.traffic.text_file import other_kind

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
NONE_OF = (
    "neither WZDx or CWZ (`feed_info`), Open511 (`events`), alerts of api.weather.gov (`messageType`), CAP (`alert`), "
    "DATEX II (`situationRecord`), lane closures of Caltrans (`lcs`), incidents of CHP (`State`) nor CIFS (`incidents`)"
)

_Document = TypeVar("_Document")


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads documents: what they do not say themselves.

    Args:
        time_zone: of local times that name none.
        now: around which recurring schedules are written down, UTC.
        form: the format, where it is known; else it is told from the content.
        zones: where the zones are that alerts name without drawing them.
        patience: how long to go on.
    """

    time_zone: ZoneInfo
    now: datetime
    form: DocumentFormat | None = None
    zones: ZoneTable = NO_ZONES
    patience: Patience = lambda: None

    def read(self, *pages: bytes, left: str | None = None, headers: Sequence[Sequence[tuple[str, str]]] = ()) -> Parsed:
        """All of a document, or of the pages of one, every feature accounted for.

        Args:
            pages: as they came, in their order; one at least.
            left: why further pages were not fetched, where there are any.
            headers: of the answer that each page came with, names and values; none where it came otherwise.

        Raises:
            UnreadableAdvisoriesError: a page as a whole is none of the formats, of another than the first, too much,
                or its reading takes too long.
        """
        with patience(self.patience):
            parsed = [self._page(page) for page in pages]
        forms = {page.format for page, _ in parsed}
        if len(forms) > 1:
            raise UnreadableAdvisoriesError(f"its pages are of several formats: {', '.join(sorted(forms))}")
        told = [extent_of_headers(each) for each in headers] or [Extent()] * len(pages)
        return whole(
            [(page, with_headers(extent, more)) for (page, extent), more in zip(parsed, told, strict=True)], left
        )

    def _page(self, data: bytes) -> tuple[Parsed, Extent]:
        text = data if data.startswith(UTF_16) else data.removeprefix(BYTE_ORDER_MARK).strip()
        if not is_xml(text) and (other := other_kind(data)):
            raise UnreadableAdvisoriesError(f"it is {other}")
        if is_xml(text):
            root = read_xml(text)
            return self._xml(root), extent_of_xml(root)
        if lcs.is_lcs_csv(text):
            return self._allowed(DocumentFormat.LCS, lcs.parse_csv(text)), Extent()
        document = read_json(text)
        return self._json(document), extent_of_json(document)

    def _xml(self, root: Element) -> Parsed:
        if self._is(DocumentFormat.DATEX2, datex2.is_datex2, root):
            return datex2.parse(root)
        if self._is(DocumentFormat.LCS, lcs.is_lcs_xml, root):
            return lcs.parse_xml(root)
        if self._is(DocumentFormat.CHP, chp.is_chp, root):
            return chp.parse(root)
        if self._is(DocumentFormat.CIFS, cifs.is_cifs_xml, root):
            return cifs.parse_xml(root)
        if self._is(DocumentFormat.OPEN511, open511_xml.is_open511_xml, root):
            return open511.parse(open511_xml.document_of(root), self.time_zone, self.now)
        return self._allowed(DocumentFormat.CAP, cap.parse_tree(root, self.zones))

    def _json(self, document: object) -> Parsed:
        if self._is(DocumentFormat.OPEN511, open511.is_open511, document):
            return open511.parse(document, self.time_zone, self.now)
        if self._is(DocumentFormat.LCS, lcs.is_lcs_json, document):
            return lcs.parse_json(document)
        if self._is(DocumentFormat.CIFS, cifs.is_cifs_json, document):
            return cifs.parse_json(document)
        if self._is(DocumentFormat.NWS, nws.is_nws, document):
            return nws.parse(document, self.zones)
        if self._is(DocumentFormat.WZDX, wzdx.is_wzdx, document):
            return wzdx.parse(document)
        raise UnreadableAdvisoriesError(NONE_OF)

    def _is(self, form: DocumentFormat, looks_so: Callable[[_Document], bool], document: _Document) -> bool:
        return self.form is form or (self.form is None and looks_so(document))

    def _allowed(self, form: DocumentFormat, parsed: Parsed) -> Parsed:
        if self.form not in {None, form}:
            raise UnreadableAdvisoriesError(f"it is {form}, not {self.form}")
        return parsed
