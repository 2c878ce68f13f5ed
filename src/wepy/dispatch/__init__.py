"""Dispatchers: how items reach workers and results come back."""

from wepy.dispatch.executor import FromExecutor
from wepy.dispatch.identity import Identity, worker_identity
from wepy.dispatch.processes import Processes
from wepy.dispatch.remote import RemoteError
from wepy.dispatch.scoop import Host, Scoop, hosts_of, read_hosts
from wepy.dispatch.serial import Serial

__all__ = [
    "FromExecutor",
    "Host",
    "Identity",
    "Processes",
    "RemoteError",
    "Scoop",
    "Serial",
    "hosts_of",
    "read_hosts",
    "worker_identity",
]
