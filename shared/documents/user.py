"""A person or program that signs in."""

from enum import StrEnum

from pydantic import Field

from shared.documents.body import DocumentBody


class UserRole(StrEnum):
    """What a user may do: everything, hold sessions, or look."""

    ADMINISTRATOR = "administrator"
    REPRESENTATIVE = "representative"
    AUDITOR = "auditor"


class UserDocument(DocumentBody):
    """A user; *password_hash* is an argon2 hash sealed with the site secret, or empty for none.

    Sessions of this user go by *pinned_node* as long as it may take them.
    """

    role: UserRole
    display_name: str = Field(default="", max_length=200)
    password_hash: str = ""
    disabled: bool = False
    pinned_node: str | None = None
