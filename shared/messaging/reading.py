"""Reads many documents page by page, since one message holds no more than a megabyte.

Pages may be of different revisions when somebody writes meanwhile. The result is then as of the
smallest one, and whoever keeps it reads again once a later revision is known.
"""

from shared.domain.document import Document
from shared.events.config import DocumentsRead, ReadDocuments
from shared.messaging.ports import Asks


async def read_documents(
    publisher: Asks, question: ReadDocuments, *, page_seconds: float, attempt_seconds: float
) -> DocumentsRead:
    """Read everything that *question* asks for, from any master.

    Raises:
        Unavailable: no master answered.
    """
    documents = list[Document]()
    first: DocumentsRead | None = None
    while True:
        page = await publisher.ask(
            question, timeout_seconds=page_seconds, attempt_seconds=attempt_seconds
        )
        documents += page.documents
        first = first or page
        if page.next is None:
            break
        onward = {"after": page.next, "at_least": first.revision, "since": None}
        question = question.model_copy(update=onward)
    oldest = min(first, page, key=lambda each: each.position.place)
    return oldest.model_copy(update={"documents": tuple(documents), "next": None})
