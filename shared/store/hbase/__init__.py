"""The `Store` on HBase, through its Thrift1 server and happybase.

    address, connections   where the server is; one connection a thread, bounded waits, replaced when broken
    tables, shell          the tables made through Thrift, or split in advance by the HBase shell
    rows, cells            what each record becomes in which table, and when it wins over what is there
    access                 puts and ordered scans
    store                  all of it behind the port

A revision is the cell's timestamp, so HBase itself keeps the highest. Row keys (`shared.store.rowkeys`) begin with a
hash, so that load spreads, and end in a reversed time, so that the newest comes first. A connection is never shared
between threads: it would return wrong rows without an error.
"""
