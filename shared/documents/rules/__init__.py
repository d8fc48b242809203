"""The rules for changes of documents, which config and the gateway share.

The primary accepts a change by these rules, and the gateway's dry run predicts a change by the
same ones, so a dry run refuses exactly what an apply refuses.
"""
