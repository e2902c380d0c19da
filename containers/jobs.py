"""The background tasks of containers, by name."""

from devops.taskref import TaskRef

REAP = TaskRef("containers.reap")
RETAIN = TaskRef("containers.retain")
LOOK = TaskRef("containers.look_at_hosts")
