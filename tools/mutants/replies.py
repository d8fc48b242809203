"""The guards of where an answer goes, and of what is answered at all."""

from typing import Final

from tools.mutants.mutant import Mutant

REPLIES_MODULE: Final = "shared.messaging.replies"
SUBSCRIPTION: Final = "shared.messaging.subscription"
TESTS: Final = ("tests/unit/messaging/test_own_inbox.py",)

REPLIES: Final = (
    Mutant(
        "a reply subject is the asker's choice",
        REPLIES_MODULE,
        " and reply.startswith(own)",
        "",
        TESTS,
    ),
    Mutant(
        "a message that is not answered may ask for an answer",
        REPLIES_MODULE,
        "issubclass(message, Request) and ",
        "",
        TESTS,
    ),
    Mutant(
        "an inbox that begins like the sender's is the sender's",
        REPLIES_MODULE,
        'f"{inbox_of(sender)}."',
        "inbox_of(sender)",
        TESTS,
    ),
    Mutant(
        "what JetStream delivers is judged like a live message",
        REPLIES_MODULE,
        "message.subject.stored or not reply",
        "not reply",
        TESTS,
    ),
    Mutant(
        "whatever comes is answered",
        SUBSCRIPTION,
        "no_reply=not is_answered",
        "no_reply=False",
        TESTS,
    ),
    Mutant(
        "a handler need not agree with what its message declares",
        SUBSCRIPTION,
        "assert is_answered is not returns_nothing",
        "assert True",
        TESTS,
    ),
)
