"""The SCOOP dispatcher: SCOOP's workers and wire protocol, with a broker that survives dead workers."""

from wepy.dispatch.scoop.dispatcher import Scoop
from wepy.dispatch.scoop.hosts import Host, hosts_of, read_hosts

__all__ = ["Host", "Scoop", "hosts_of", "read_hosts"]
