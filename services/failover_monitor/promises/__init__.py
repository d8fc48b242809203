"""The failsafe promise on the bus: requests votes of the other masters, and votes for them."""
