"""The kernel's background tasks, by name."""

from devops.taskref import TaskRef

RELAY = TaskRef("devops.relay")
DELIVER = TaskRef("devops.deliver")
COMPACT = TaskRef("devops.compact")
RETAIN = TaskRef("devops.retain")
ANCHOR = TaskRef("devops.anchor")
