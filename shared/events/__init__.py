"""The records on the log: what they are, how they look in bytes, which topic they go to, what can be wrong with them.

    records                  frozen dataclasses with units in names: the truth from which everything else is derived
    topics                   THE table of topics: key, record, retention; topics are named nowhere else
    avro, published          dataclass to Avro single-object encoding and back, by the schemas in `schemas/`
    decoder                  every wire form that is accepted; Confluent's and JSON where a service is told to
    json_mapping, json_mapping_file   JSON readings, in our field names or in anybody's, by a mapping file
    tensors                  states as records: arrays with a few words about them
    json_arithmetic          what mappings compute with
    errors                   the error tree of the whole product
    model_names              the names of the models
    quantities, text, limits   what values and texts there can be, and what each field of a record may hold
    present                  how far ahead of the log a record may be dated

A record passes from bytes (`decoder`) to a dataclass, is judged by whoever reads it, and leaves as bytes (`avro`). A
test proves that dataclass, schema and API agree. `published` and `json_mapping_file` read files, the rest is pure.
This room is below all others and imports none of them.
"""
