"""A fake of the Messages API on a loopback socket, for tests and for trying AI steps."""

from devops.clients.anthropic.fake.brain import Say, Script, Use
from devops.clients.anthropic.fake.server import MODELS, FakeApi, serving

__all__ = ["MODELS", "FakeApi", "Say", "Script", "Use", "serving"]
