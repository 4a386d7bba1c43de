"""The published formats of advisories, one module each. Pure: bytes in, drafts and reasons out.

    wzdx      work zones: WZDx 4.0 to 4.2 and CWZ 1.0, GeoJSON
    open511   road events: Open511 1.0, JSON; `open511_xml` brings XML to that form
    datex2    situations in DATEX II 2 and 3, XML
    lcs       lane closures of Caltrans, XML, JSON and CSV
    chp       live incidents of the California Highway Patrol, XML
    cifs      closures and incidents as Waze for Cities takes them, XML and JSON
    cap       weather and other alerts: CAP 1.2, XML
    nws       the same as api.weather.gov tells it, GeoJSON
    hazards   what the last two have in common: messages that update and cancel each other
    zones     where the zones are that those name without drawing them
    reading   instants, geometries, what is left unread, and reasons that a person understands
    xml, gml  XML that is safe to read, and the shapes in it

No input makes a reader raise anything but `UnreadableAdvisoriesError`: each feature becomes a draft, a withdrawal or a
reason with its place, and what a draft leaves out of a feature is named. To add a format: a module here, its sign in
`documents.reading`, its line in the table of docs/alerts.md.
"""
