"""The kernel's background tasks, by name."""

from devops.taskref import TaskRef

RELAY = TaskRef("devops.relay")
RETAIN = TaskRef("devops.retain")
DELIVER = TaskRef("devops.deliver")
