"""Published documents of work zones, weather and events, brought to records for `traffic-advisories`. Pure.

    reading     bytes of any format (`formats/`) to drafts, and to reasons for what cannot be used
    extent      what a document says of how much of its feed it holds, and where that goes on
    paging      pages as one document, and whether they are the whole feed
    draft       one advisory as its publisher says it, before it has sensors
    roads       road names as agencies write them, brought to one form
    matching    which sensors of a network a draft touches, by the road's name, geometry and direction
    importing   drafts against what the log holds already: new, changed, withdrawn

Used by whoever publishes: `metrla advisories` and the gateway. Fetching is not in here: `metrla.cli.advising`.
"""
