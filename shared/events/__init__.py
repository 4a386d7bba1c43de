"""The records on the log: what they are, how they look in bytes, which topic they go to, what can be wrong with them.

    records, alert_records   frozen dataclasses with units in names: the truth from which everything else is derived
    identifiers, model_names  ids that must not be mixed up; the names of the models
    topics                   THE table of topics: key, record, retention; a topic's name stands nowhere else
    avro, shapes, published  dataclass to Avro single-object encoding and back, by the schemas in `schemas/`
    decoding                 every wire form that is accepted; Confluent's and JSON where a service is told to
    json_mapping, json_mapping_file, json_times   JSON readings, in our field names or in anybody's, by a mapping file
    errors                   the error tree of the whole product

A record passes from bytes (`decoding`) to a dataclass, is judged by whoever reads it, and leaves as bytes (`avro`). A
test proves that dataclass, schema and API agree. This room is below all others and imports none of them.
"""
