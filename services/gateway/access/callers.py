"""Finds out who calls a route: the user and the role in the request's access token."""

from typing import Annotated

from fastapi import Depends

from services.gateway.access.accounts import Accounts
from services.gateway.access.audit_log import AuditLog
from services.gateway.core.roles import Caller
from services.gateway.http.provided import provided
from services.gateway.http.requests import Bearer

TheAccounts = Annotated[Accounts, Depends(provided(Accounts))]
TheAuditLog = Annotated[AuditLog, Depends(provided(AuditLog))]


async def signed_in_caller(accounts: TheAccounts, token: Bearer) -> Caller:
    return accounts.caller(token)


TheCaller = Annotated[Caller, Depends(signed_in_caller)]
