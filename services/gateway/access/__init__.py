"""Who calls and what that caller did: sign-in, tokens, passwords, limits by address, audit log."""
