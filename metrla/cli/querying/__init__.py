"""What the commands that look at archive, store and log have in common.

    timerange       --from, --to, --network, --local: which instants are meant, and in which zone they are shown
    output          rows as a table, CSV, JSON or Parquet, on standard output or in a file
    archive_audit   archive and log side by side, offset by offset

The questions themselves are asked of the ports in `shared`.
"""
