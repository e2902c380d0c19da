"""The kernel's endpoints: the person, the account, members, invitations, tokens, audit."""
