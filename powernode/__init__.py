"""Composition: settings, URLs, ASGI, Celery, the command line and the home page.

Wires the apps together and owns nothing else.
"""
