"""The configuration of a run: read from TOML, checked, and built into a simulation."""

from wepy.config.build import build_dispatcher, build_simulation
from wepy.config.inputs import unpacked
from wepy.config.model import Configuration
from wepy.config.read import parse_configuration, read_configuration

__all__ = [
    "Configuration",
    "build_dispatcher",
    "build_simulation",
    "parse_configuration",
    "read_configuration",
    "unpacked",
]
