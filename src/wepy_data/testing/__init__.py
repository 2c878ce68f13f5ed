"""Strategies for property-based tests: valid runs of any shape, and runs with one thing wrong.

Needs hypothesis, the extra `testing`.
"""

from wepy_data.errors import MissingPackageError

try:
    import hypothesis as _hypothesis
except ImportError as error:  # pragma: no cover (every test environment has it)
    raise MissingPackageError("wepy_data.testing", "hypothesis", "testing") from error

from wepy_data.testing.mutation import Mutation, refresh_crc
from wepy_data.testing.near_valid import NearValid, mutations, mutations_of, near_valid
from wepy_data.testing.run import runs

del _hypothesis

__all__ = ["Mutation", "NearValid", "mutations", "mutations_of", "near_valid", "refresh_crc", "runs"]
