"""The web process: HTTP on a few persistent threads, live streams beside it."""

import os
from importlib import import_module

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "powernode.settings")

from django.core.asgi import get_asgi_application

django_application = get_asgi_application()

from channels.auth import AuthMiddlewareStack
from channels.routing import ProtocolTypeRouter, URLRouter
from django.conf import settings

from devops.event_streams import EventStreams
from powernode.heap import settle
from powernode.threads import PersistentThreads
from powernode.websockets import AllowedOriginOrBearer, event_streams, patterns

application = ProtocolTypeRouter(
    {
        "http": EventStreams(PersistentThreads(django_application), event_streams),
        "websocket": AllowedOriginOrBearer(AuthMiddlewareStack(URLRouter(patterns))),
    }
)

# Every address and its view: now, and not under the first request.
import_module(settings.ROOT_URLCONF)
settle()
