"""The kernel: what every other app stands on.

Owns accounts, people, tokens, permissions, the state machine, the outbox and its relay, problem
documents, paging, idempotency, audit, encryption, egress, processes, logs and blobs, and the two
entities that pipelines attach to: Provider and Repository. Knows none of the apps above it.
"""
