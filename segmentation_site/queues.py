"""The queues of work: jobs, and deliveries, which wait behind no import of an hour.

A worker that is not told otherwise (`-Q`) takes from both.
"""

from kombu.entity import Queue

JOBS, DELIVERIES = "jobs", "deliveries"
QUEUES = [Queue(name, routing_key=name) for name in (JOBS, DELIVERIES)]
ROUTES = {task: {"queue": DELIVERIES, "routing_key": DELIVERIES} for task in ("webhooks.deliver", "webhooks.send_due")}
# How the name of a process begins that sends deliveries and does no jobs.
SENDER_NODE = "sender@"
