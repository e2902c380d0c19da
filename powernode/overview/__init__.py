"""The account at a glance: counts, alerts, what waits, as a page and as a REST resource."""
