"""The published formats of advisories, one module each. Pure: bytes in, drafts and reasons out.

    wzdx      work zones: WZDx 4.0 to 4.2, GeoJSON
    open511   road events: Open511 1.0, JSON
    cap       weather and other alerts: CAP 1.2, XML
    nws       the same as api.weather.gov tells it, GeoJSON
    hazards   what the last two have in common: messages that update and cancel each other
    reading   instants, geometries, and reasons that a person understands

No input makes a reader raise: each feature becomes a draft, a withdrawal or a reason with its place. To add a format:
a module here, its sign in `documents.reading`, its line in the table of docs/alerts.md.
"""
