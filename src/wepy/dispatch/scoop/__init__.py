"""The SCOOP dispatcher: SCOOP's workers and wire protocol, with a broker that survives dead workers."""

from wepy.dispatch.scoop.dispatcher import Scoop

__all__ = ["Scoop"]
