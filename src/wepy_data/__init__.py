"""The data model of weighted-ensemble runs: walker trees in one HDF5 file, and everything one can ask of them.

The names below are the front door; modules behind it may move.
"""

import lazy_loader

from wepy_data.version import __version__

# names are written down in __init__.pyi; a module is imported when one of its names is first used
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
__all__ = [*__all__, "__version__"]
