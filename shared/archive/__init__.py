"""The archive of raw events and of models: immutable files, one port, two implementations.

    port                      `Archive`: named objects, written whole or not at all
    local, webhdfs            a folder; HDFS over WebHDFS. One contract suite runs against both (tests/contract/archive)
    url                       from `METRLA_ARCHIVE_URL` to one of them
    layout                    where things are: `traffic-data/raw/network=…/year=…/`, `traffic-data/models/…`
    container                 raw events as Avro object container files, each with its partition and offset

A file gets its name when it is complete, so what is visible is whole. Who writes what when, and what a crash leaves, is
ingest's concern; what a model's files mean is `shared.forecasting.models`'. `metrla.data.archive` reads events
back; docs/data.md describes the layout for readers without this code.
"""
