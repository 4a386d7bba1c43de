"""The `Store` on HBase, through its Thrift1 server and happybase."""
