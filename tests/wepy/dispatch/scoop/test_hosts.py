"""Hosts as command lines and host files name them."""

import pytest

from wepy.dispatch.scoop.hosts import Host, hosts_of, read_hosts
from wepy.errors import ConfigurationError


def test_a_line_names_hosts_and_numbers_of_workers():
    assert hosts_of("alpha:4,user@beta, gamma:1") == [
        Host(name="alpha", workers=4),
        Host(name="user@beta"),
        Host(name="gamma", workers=1),
    ]


@pytest.mark.parametrize(
    "text", ["", " , ", "alpha:", "alpha:0", "alpha:x", "alpha:-1", "-oProxyCommand=x", "a b", "a;b:2"]
)
def test_what_names_no_host_is_refused(text):
    with pytest.raises(ConfigurationError, match="expected"):
        hosts_of(text)


def test_a_host_file_has_a_host_a_line(tmp_path):
    path = tmp_path / "hosts"
    path.write_text(
        "# our machines\n\nalpha 4\nbeta 2 python=/opt/py/bin/python CUDA_VISIBLE_DEVICES=0,1 # with GPUs\n"
        "user@gamma NOTE='two words'\n"
    )
    assert read_hosts(path) == [
        Host(name="alpha", workers=4),
        Host(name="beta", workers=2, python="/opt/py/bin/python", environment={"CUDA_VISIBLE_DEVICES": "0,1"}),
        Host(name="user@gamma", environment={"NOTE": "two words"}),
    ]


def test_every_wrong_line_is_named(tmp_path):
    path = tmp_path / "hosts"
    path.write_text("alpha 0\nbeta\ngamma 2 nonsense\ndelta 1 1X=2\n'open\n")
    with pytest.raises(ConfigurationError) as error:
        read_hosts(path)
    said = str(error.value).splitlines()
    assert [line.split(":")[0].rpartition(" ")[2] for line in said] == ["1", "3", "4", "5"]


def test_an_empty_or_missing_file_is_named(tmp_path):
    (tmp_path / "hosts").write_text("# nobody\n")
    with pytest.raises(ConfigurationError, match="hosts: no host in it"):
        read_hosts(tmp_path / "hosts")
    with pytest.raises(ConfigurationError, match="none: No such file"):
        read_hosts(tmp_path / "none")
