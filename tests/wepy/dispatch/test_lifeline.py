"""The end of a process whose lifeline is cut."""

import os
import subprocess
import sys

import pytest

CODE = """
import os, sys, threading
from wepy.dispatch.lifeline import hold
hold(int(sys.argv[1]))
print("held", flush=True)
{then}
"""


@pytest.mark.parametrize("then", ["threading.Event().wait()", "sum(range(10**11))"])
def test_a_process_ends_when_the_other_end_closes_even_inside_a_long_call(then):
    ours, theirs = os.pipe()[::-1]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        [sys.executable, "-c", CODE.format(then=then), str(theirs)],
        pass_fds=[theirs],
        env=environment,
        stdout=subprocess.PIPE,
    ) as process:
        os.close(theirs)
        assert process.stdout.readline() == b"held\n"
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.2)
        os.close(ours)
        try:
            assert process.wait(5) != 0
        finally:
            process.kill()
