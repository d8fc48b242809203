"""Reading a site's events from outside: with a read-only credential, and without the cluster's key.

`wishes` decides what is asked for, `reading` holds the connection, `shown` what people see.
"""
