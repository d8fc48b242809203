"""The cluster log in JetStream: append by compare-and-set, read in order.

The append is the commit point of every change. It counts only when the acknowledged sequence is
the expected one: the server answers "ok, duplicate" to a writer that has lost, because it looks
for duplicates before it looks at sequences.
"""
