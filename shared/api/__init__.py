"""The models of REST and the control channel, which gateway and clients import alike.

One module for each area of the API holds its models and its calls (`Call`): method, path, body and
the type of the answer. `client` performs calls; `channel` declares the control channel. Nothing
here imports a message of the bus, a web framework or, at import, an HTTP library.
"""
