"""Frames, requests and responses of the Kafka protocol, as plain mappings.

    apis          the requests that are served, in the versions before the flexible encoding
    codec         mappings by field name, walked along aiokafka's schemas
    error_codes   what the broker may answer

Why aiokafka's schemas, and not a library of the protocol: see `metrla.local.devbroker`.
"""
