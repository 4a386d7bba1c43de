"""What `metrla advisories` does: fetch documents, compare them with the log, publish what changed, report.

    importer   documents once, or a feed again and again; trouble is waited out, never taken for an empty feed
    report     what came of it, for people and as JSON

What a document means is decided in `shared.alerts.advisories`, `metrla.data.web` fetches it.
"""
