"""What every test may count on: examples from hypothesis leave nothing behind in the clone."""

import os
import signal

from hypothesis import HealthCheck, settings

settings.register_profile("here", database=None, deadline=None, print_blob=True)
settings.register_profile(
    "ci",
    settings.get_profile("here"),
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("ci" if os.environ.get("CI") else "here")

# A shell that starts us in the background has us ignore ctrl-C, and every child would inherit it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
