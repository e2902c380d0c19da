"""The containers beside a command: a network of their own, started before it, gone after it."""

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass

from containers.clients.docker import spec as forms
from containers.clients.docker.engine import Engine
from containers.clients.docker.errors import EngineError, EngineUnreachable
from containers.clients.docker.spec import ContainerSpec, ServiceSpec
from containers.models import ContainerInstance
from containers.operations.watching import ServiceFailed, Watch

logger = logging.getLogger(__name__)
POLL_SECONDS = 0.1
_LINES = 50
NO_NETWORK = "none"


# Of all commands without services, whoever's: its members do not reach each other. One for all,
# because an Engine has addresses for some thirty networks.
STEPS_NETWORK = "powernode-steps"


@dataclass(slots=True)
class Services:
    """One command's services on their host."""

    engine: Engine
    instance: ContainerInstance
    spec: ContainerSpec
    labels: Mapping[str, str]
    watch: Watch

    def network(self, has_network: bool) -> str:  # noqa: FBT001
        """Make the network that the command joins; returns its name."""
        if self.spec.services:
            name = self.instance.container_name
            self.engine.network(name, labels=self.labels, internal=not has_network, apart=False)
            return name
        if not has_network:
            return NO_NETWORK
        labels = {f"{forms.LABEL}.network": "steps"}
        self.engine.network(STEPS_NETWORK, labels=labels, internal=False, apart=True)
        return STEPS_NETWORK

    def start(self, network: str) -> str:
        """Start every service and wait until each works; why that was broken off, or empty.

        Raises:
            ServiceFailed: one ended or did not work in time; its last lines are in the log.
        """
        containers = [self._start(service, network) for service in self.spec.services]
        for service, container in zip(self.spec.services, containers, strict=True):
            stop = self._await(service, container)
            if stop:
                return stop
        return ""

    def tell_deaths(self) -> None:
        """Show the last lines of services that ended badly while the command ran."""
        for service in self.spec.services:
            try:
                state = self.engine.inspect(self._name(service))["State"]
                if state.get("Status") == "exited" and state.get("ExitCode"):
                    self._show(service, f"ended with exit status {state['ExitCode']}")
            except EngineError as error:
                # It explains a command's end, and decides nothing.
                logger.warning("%s of %s: %s", service.name, self.instance, error)

    def remove(self) -> None:
        """Take the services and their network away."""
        for service in self.spec.services:
            self.engine.remove(self._name(service))
        if self.spec.services:
            self.engine.remove_network(self.instance.container_name)

    def _name(self, service: ServiceSpec) -> str:
        return f"{self.instance.container_name}-{service.name}"

    def _start(self, service: ServiceSpec, network: str) -> str:
        body = forms.service_body(
            service, self.spec.limits,
            labels={**self.labels, f"{forms.LABEL}.service": service.name},
            network=network, cpus=self.instance.docker_host.cpu_count,
        )  # fmt: skip
        try:
            container = self.engine.create(self._name(service), body)
            self.engine.start(container)
        except EngineUnreachable:
            raise
        except EngineError as error:
            raise ServiceFailed(
                f"The service {service.name} ({service.image}) could not be started: {error.said}",
                remedy=error.remedy,
            ) from error
        return container

    def _await(self, service: ServiceSpec, container: str) -> str:
        log, since = self.watch.log, time.monotonic()
        while True:
            state = self.engine.inspect(container)["State"]
            health = (state.get("Health") or {}).get("Status")
            if state.get("Status") not in {"created", "running"}:
                self._fail(service, f"ended with exit status {state.get('ExitCode')}")
            if health == "unhealthy":
                self._fail(service, "is not healthy")
            if health in {None, "healthy"} and state.get("Status") == "running":
                took = time.monotonic() - since
                log.write(
                    f"Service {service.name} ({service.image}) works, {took:.1f} s.\n".encode()
                )
                return ""
            if time.monotonic() - since > service.wait_seconds:
                self._fail(service, f"was not healthy within {service.wait_seconds:g} s")
            stop = self.watch.should_stop()
            if stop:
                return stop
            log.tick()
            time.sleep(POLL_SECONDS)

    def _fail(self, service: ServiceSpec, what: str) -> None:
        self._show(service, what)
        raise ServiceFailed(
            f"The service {service.name} ({service.image}) {what}; its last lines are in the log."
        )

    def _show(self, service: ServiceSpec, what: str) -> None:
        log = self.watch.log
        log.write(f"::group::Service {service.name} {what}\n".encode())
        lines = self.engine.last_lines(self._name(service), _LINES)
        log.write(lines if lines.endswith(b"\n") else lines + b"\n")
        log.write(b"::endgroup::\n")
