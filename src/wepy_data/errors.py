"""Errors that a user of the data model may meet.

```text
DataError
+-- NotARunError            not an HDF5 file, or an HDF5 file of another kind
|   +-- DamagedRunError     a run, but broken: truncated, or not as the schema says
+-- VersionError
|   +-- VersionTooOldError  written by a version that this library no longer reads
|   +-- VersionTooNewError  written by a version that this library does not know yet
+-- ConformanceError        data that does not conform to the schema; holds all problems
+-- SelectionError          no such cycle, walker, segment, table or column: says what exists
+-- FunctionError           a function of yours that fails, or returns something else than it should
+-- RunExistsError          a file is in the way
+-- RunBusyError            another process is writing the run
+-- ClosedRunError          a file was closed before it was asked
+-- ReplacedRunError        another run lies where this one was, or nothing
+-- MissingPackageError     an optional package is needed: says how to get it
```
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wepy_data.schema.problem import Problem


class DataError(Exception):
    """Base of all errors raised by `wepy_data` on purpose; the message is meant for the user."""


class NotARunError(DataError):
    """A file that is not a weighted-ensemble run."""


class DamagedRunError(NotARunError):
    """A run that cannot be read as one."""


class VersionError(DataError):
    """A run of a schema version that cannot be read."""


class VersionTooOldError(VersionError):
    """A run written by a version that is no longer read."""


class VersionTooNewError(VersionError):
    """A run written by a version that is not known yet."""


class ConformanceError(DataError):
    """Data that does not conform to the schema.

    Parameters
    ----------
    subject : str
        What was checked.
    problems : sequence of Problem
        Everything that is wrong with it.
    """

    def __init__(self, subject: str, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        count = f"{len(problems)} problem{'s' if len(problems) != 1 else ''}"
        super().__init__("\n".join([f"{subject} does not conform to the schema: {count}", *map(str, problems[:20])]))


class SelectionError(DataError, LookupError):
    """Something asked for that is not in the run."""


class FunctionError(DataError):
    """A function that is to be computed of frames, and fails or returns something else than it should."""


class RunExistsError(DataError, FileExistsError):
    """A file that is not overwritten unless asked to."""


class RunBusyError(DataError):
    """A run that another process is writing."""


class ClosedRunError(DataError, ValueError):
    """A run's file that is closed."""


class ReplacedRunError(DataError):
    """A run's file that is gone, or in whose place there is another one now."""


class MissingPackageError(DataError, ImportError):
    """An optional package that is not installed.

    Parameters
    ----------
    what : str
        What needs it.
    package : str
        Its name.
    extra : str
        The extra of our distribution that brings it.
    """

    def __init__(self, what: str, package: str, extra: str) -> None:
        super().__init__(f"{what} needs {package}: pip install 'wepy-ensemble[{extra}]'")
