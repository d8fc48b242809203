"""A person or program that signs in."""

from enum import StrEnum

from pydantic import Field

from shared.documents.body import DocumentBody


class UserRole(StrEnum):
    """The rights of a user: to do everything, to hold sessions, or to look."""

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
