"""The published schemas of the records: what may change in them, and those of other people.

    compatibility   what breaks between two versions, by Avro's resolution rules
    history         the schemas as they are against every version that was ever published (`schemas/history/`)
    registry        a Confluent schema registry asked for the schema of a message

`metrla schemas check` runs the first two; a change of `schemas/*.avsc` that old readers or old records do not bear
fails there, and in CI. The schemas that the code encodes by are read in `shared.events`.
"""
