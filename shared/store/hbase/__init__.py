"""The `Store` on HBase, through its Thrift1 server and happybase.

    connections     where the server is; one connection a thread, bounded waits, replaced when broken
    tables, shell   the tables made through Thrift, or split in advance by the HBase shell
    rows, rowkeys   what each record becomes in which table, under which key, and when it wins over what is there
    access          puts and ordered scans
    store           all of it behind the port

A cell's timestamp is made of the record's time and its revision, so HBase itself keeps the highest. Row keys begin with
a hash, so that load spreads, and have a reversed time in them, so that the newest comes first. A connection is never
shared between threads: it would return wrong rows without an error.
"""
