"""The one boundary that bytes and text from outside cross: a value, or `Undecodable`.

Whatever arrives (a message, a stored value, an answer, a file, a request of a person) is read by a
function of this package. Each gives a value within stated bounds or raises `Undecodable`, and
nothing else: not `RecursionError`, not `UnicodeDecodeError`, not `TypeError`. So no bytes can end a
process, or stop what comes after them. What follows from a refusal is the caller's to say: a
message is dropped, a stored value is skipped, an answer counts as none, a file of our own is
`BadSettings`, and a person is shown the field.
"""
