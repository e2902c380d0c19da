"""The web process: HTTP on a few persistent threads, websockets beside it."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "powernode.settings")

from django.core.asgi import get_asgi_application

django_application = get_asgi_application()

from channels.auth import AuthMiddlewareStack
from channels.routing import ProtocolTypeRouter, URLRouter

from powernode.threads import PersistentThreads
from powernode.websockets import AllowedOriginOrBearer, patterns

application = ProtocolTypeRouter(
    {
        "http": PersistentThreads(django_application),
        "websocket": AllowedOriginOrBearer(AuthMiddlewareStack(URLRouter(patterns))),
    }
)
