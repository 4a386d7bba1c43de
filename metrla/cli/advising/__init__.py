"""What `metrla advisories` does: fetch documents, compare them with the log, publish what changed, report.

    fetching   files, standard input, the web; fetched again only when they changed
    desk       one document at a time: read, compare, publish
    watching   a feed asked again and again; trouble is waited out, never taken for an empty feed
    jobs       the commands themselves, once their options are read
    report     what became of it, for people and as JSON

What a document means is decided in `shared.alerts.advisories`; here is the I/O around it.
"""
