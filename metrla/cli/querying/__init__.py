"""What the commands that list rows have in common.

    selection   --network, --sensor, --from, --to, --local: which rows are meant, and the zone of their times
    output      rows as a table, CSV, JSON or Parquet, to standard output or to a file

The questions themselves are asked of the ports in `shared`.
"""
