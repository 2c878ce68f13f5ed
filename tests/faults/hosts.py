"""Three hosts of one machine: network namespaces joined by a bridge, each with its own name and an sshd of its own.

Run only the tests of this harness with `.venv/bin/python -m pytest tests/faults/test_hosts.py`, as root, with Debian's
packages openssh-server and iproute2; they are skipped, with the reason, where `unavailable()` says one.

A host has its own interfaces, loopback, /etc/hosts, hostname, /run and /sys. All other files, users, process ids and
the clock are the machine's, shared by all. The machine's network is not touched: the bridge has a namespace of its own,
so any number of `Hosts` may use the same addresses at once. Namespaces carry their owner's process in their name; those
whose owner is dead are removed by whoever comes next.
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterable, Mapping, Sequence
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Any

Port = tuple[str, int]  # address, number

_NAMESPACES = Path("/run/netns")  # where `ip netns` keeps them
_NAME = "wepy-test"  # followed by its owner's process id and start, something random, and the host
_PROGRAMS = {"ip": "iproute2", "sshd": "openssh-server", "ssh": "openssh-client", "ssh-keygen": "openssh-client",
             "unshare": "util-linux", "mount": "mount", "sh": "dash"}  # fmt: skip
_LISTEN = "0A"  # the state in /proc/net/tcp
_PATIENCE = 20.0  # s for what takes milliseconds

_ENTER = """\
# makes a process one of {host}'s, once it is in its network
{mount} -n --bind {folder}/run /run &&
for file in hosts hostname shadow ssh/ssh_config; do
  [ ! -e /etc/$file ] || {mount} -n --bind {folder}/$file /etc/$file || exit 1
done &&
echo {host} >/proc/sys/kernel/hostname &&
exec "$@"
"""
_SERVER = """\
ListenAddress {address}:22
HostKey "{folder}/ssh/host_key"
AuthorizedKeysFile "{folder}/ssh/authorized_keys"
AuthenticationMethods publickey
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
PermitUserRC no
StrictModes no
UsePAM no
UseDNS no
PidFile none
PrintLastLog no
MaxStartups 100
MaxSessions 100
LogLevel VERBOSE
Subsystem sftp internal-sftp
"""
_CLIENT = """\
Host {hosts}
  User root
  IdentityFile "{key}"
  IdentitiesOnly yes
  UserKnownHostsFile "{known}"
  StrictHostKeyChecking yes
  BatchMode yes
"""


class Hosts:
    """Hosts that know each other by name, as long as the context is open; nothing of them is left afterwards.

    Parameters
    ----------
    folder : Path
        An empty folder, for keys, configurations and the logs of the ssh servers (`<host>/sshd.log`); it stays.
    names : sequence of str
        What the hosts are called.
    environment : mapping, optional
        Environment variables of ssh sessions, such as a PATH on which they find what they shall run.

    Attributes
    ----------
    ssh_config : Path
        With `ssh -F` this, a host logs in to another by name, without prompts; also what plain `ssh` uses in a host.
    """

    def __init__(
        self, folder: Path, names: Sequence[str] = ("alpha", "beta", "gamma"), *, environment: Mapping[str, str] = {}
    ) -> None:
        self.names = tuple(names)
        self._folder = folder.resolve()
        self.ssh_config = self._folder / "ssh_config"
        self._environment = environment
        self._switch = _new_name()
        self._processes: list[subprocess.Popen[Any]] = []

    def __enter__(self) -> Hosts:
        _remove_stale()
        try:
            self._connect()
            self._write_files()
            servers = {host: self._start_server(host) for host in self.names}
            for host, server in servers.items():
                self._wait_for_server(host, server)
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def run(self, host: str, argv: Sequence[object], **popen: Any) -> subprocess.Popen[Any]:
        """Start a program on a host; the process is the program's own, and is killed when the context is left."""
        enter = [_program("ip"), "netns", "exec", self._namespace(host), _program("unshare"), "--uts"]
        script = [_program("sh"), str(self._of(host) / "enter")]
        process = subprocess.Popen([*enter, *script, *map(str, argv)], **popen)
        self._processes.append(process)
        return process

    def output(self, host: str, argv: Sequence[object], *, timeout: float = _PATIENCE) -> str:
        """Run a program on a host to its end, which must be a good one, and return what it printed."""
        process = self.run(
            host, argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        try:
            out, err = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            raise AssertionError(
                f"{argv} on {host}: expected its end within {timeout} s, found {out!r}, {err!r}"
            ) from None
        assert process.returncode == 0, f"{argv} on {host}: exit code {process.returncode}, {out!r}, {err!r}"
        return str(out)

    def address(self, host: str) -> str:
        """Return a host's address in the network of the hosts."""
        return f"10.77.0.{1 + self.names.index(host)}"

    def cut(self, host: str) -> None:
        """Let all that a host sends or is sent vanish, without a word to anybody: its own link stays up."""
        self._set_port(host, "nomaster")

    def mend(self, host: str) -> None:
        """Undo a cut."""
        self._set_port(host, "master", "bridge")

    def listening(self, host: str) -> set[Port]:
        """Return where a host listens for TCP connections, its ssh server included."""
        tables = self.output(
            host, [_program("sh"), "-c", "cat /proc/net/tcp; [ ! -e /proc/net/tcp6 ] || cat /proc/net/tcp6"]
        )
        rows = [line.split() for line in tables.splitlines()]
        return {_port(row[1]) for row in rows if row[3] == _LISTEN}

    def processes(self, host: str) -> set[int]:
        """Return the processes that a host runs, its ssh server included."""
        return _processes(self._namespace(host))

    def _namespace(self, host: str) -> str:
        assert host in self.names, f"expected one of {self.names}, found {host!r}"
        return f"{self._switch}.{host}"

    def _of(self, host: str) -> Path:
        return self._folder / host

    def _set_port(self, host: str, *state: str) -> None:
        _call("ip", "-n", self._switch, "link", "set", f"port{self.names.index(host)}", *state)

    def _connect(self) -> None:
        """Make the namespaces and the network; neighbours are known beforehand, so that silence stays silence."""
        switch = ("ip", "-n", self._switch, "link")
        _call("ip", "netns", "add", self._switch)
        _call(*switch, "add", "bridge", "type", "bridge")
        _call(*switch, "set", "bridge", "up")
        for index, host in enumerate(self.names):
            namespace, port = self._namespace(host), f"port{index}"
            _call("ip", "netns", "add", namespace)
            _call(
                *switch, "add", port, "type", "veth", "peer", "name", "eth0", "address", _mac(index), "netns", namespace
            )
            _call("ip", "-n", namespace, "link", "set", "lo", "up")
            _call("ip", "-n", namespace, "address", "add", f"{self.address(host)}/24", "dev", "eth0")
            _call("ip", "-n", namespace, "link", "set", "eth0", "up")
            _call(*switch, "set", port, "master", "bridge", "up")
            for other, name in enumerate(self.names):
                neighbour = (self.address(name), "lladdr", _mac(other), "dev", "eth0", "nud", "permanent")
                _call("ip", "-n", namespace, "neighbour", "replace", *neighbour)

    def _write_files(self) -> None:
        key, known = self._folder / "key", self._folder / "known_hosts"
        _make_key(key)
        self.ssh_config.write_text(_CLIENT.format(hosts=" ".join(self.names), key=key, known=known))
        self.ssh_config.chmod(0o600)  # ssh refuses what others may have written
        table = "".join(f"{self.address(host)} {host}\n" for host in self.names)
        environment = "".join(f' {name}="{value}"' for name, value in self._environment.items())
        if environment:
            environment = f"SetEnv{environment}\n"
        keys = []
        for host in self.names:
            folder = self._of(host)
            (folder / "run" / "sshd").mkdir(parents=True)
            (folder / "run" / "sshd").chmod(0o755)  # sshd locks itself in here, if nobody else can write
            (folder / "ssh").mkdir()
            _make_key(folder / "ssh" / "host_key")
            keys.append(f"{host},{self.address(host)} {(folder / 'ssh' / 'host_key.pub').read_text()}")
            shutil.copy(self.ssh_config, folder / "ssh" / "ssh_config")
            shutil.copy(key.with_suffix(".pub"), folder / "ssh" / "authorized_keys")
            (folder / "sshd_config").write_text(_SERVER.format(address=self.address(host), folder=folder) + environment)
            (folder / "hosts").write_text(f"127.0.0.1 localhost\n::1 localhost\n{table}")
            (folder / "hostname").write_text(f"{host}\n")
            (folder / "shadow").write_text("root:*:::::::\n")  # without a password, but not locked
            (folder / "enter").write_text(
                _ENTER.format(host=host, folder=shlex.quote(str(folder)), mount=_program("mount"))
            )
        known.write_text("".join(keys))

    def _start_server(self, host: str) -> subprocess.Popen[Any]:
        sshd = [_program("sshd"), "-D", "-e", "-f", self._of(host) / "sshd_config"]
        with (self._of(host) / "sshd.log").open("w") as log:
            return self.run(host, sshd, env={}, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def _wait_for_server(self, host: str, server: subprocess.Popen[Any]) -> None:
        deadline = time.monotonic() + _PATIENCE
        while (self.address(host), 22) not in self.listening(host):
            lives = server.poll() is None and time.monotonic() < deadline
            assert lives, f"no ssh server on {host}: {(self._of(host) / 'sshd.log').read_text()}"
            time.sleep(0.02)

    def _end(self) -> None:
        """Remove the namespaces with all that runs there, and take leave of the processes started from here."""
        namespaces = [*map(self._namespace, self.names), self._switch]
        for process in self._processes:
            process.kill()  # it may not have come in yet
        _remove(namespaces)
        for process in self._processes:
            process.wait()
            for stream in (process.stdin, process.stdout, process.stderr):
                if stream is not None:
                    with contextlib.suppress(OSError):  # unwritten words to the dead
                        stream.close()
        assert not (left := [name for name in namespaces if (_NAMESPACES / name).exists()]), f"left: {left}"


def unavailable() -> str:
    """Return why there can be no hosts here, or nothing if there can."""
    if os.geteuid() != 0:
        return "hosts are network namespaces, which only root can make"
    missing = [f"{name} (of {package})" for name, package in _PROGRAMS.items() if _program(name) is None]
    if missing:
        return f"hosts need {', '.join(missing)}"
    name = _new_name()
    mount = (_program("mount"), "-n", "--bind", "/etc/hosts", "/etc/hosts")
    try:
        _call("ip", "netns", "add", name)
        _call("ip", "-n", name, "link", "add", "bridge", "type", "bridge")
        _call("ip", "-n", name, "link", "add", "eth0", "type", "veth", "peer", "name", "port0")
        _call("ip", "-n", name, "link", "set", "port0", "master", "bridge")
        _call("ip", "netns", "exec", name, _program("unshare"), "--uts", *mount)
    except (subprocess.SubprocessError, OSError) as error:
        return f"network namespaces do not work here: {getattr(error, 'stderr', None) or error}".strip()
    finally:
        _remove([name])
    return ""


def _new_name() -> str:
    return f"{_NAME}-{os.getpid()}-{_started(os.getpid())}-{uuid.uuid4().hex[:6]}"


def _program(name: str) -> str | None:
    return shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin")


def _call(name: str, *arguments: object) -> str:
    argv = [str(_program(name)), *map(str, arguments)]
    return subprocess.run(argv, check=True, capture_output=True, text=True, timeout=_PATIENCE).stdout


def _make_key(path: Path) -> None:
    _call("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", path)


def _mac(index: int) -> str:
    return f"02:77:00:00:00:{1 + index:02x}"


def _port(field: str) -> Port:
    """Return an address of /proc/net/tcp: 32-bit words in the machine's byte order, and the port."""
    address, _, number = field.partition(":")
    words = b"".join(int(address[at : at + 8], 16).to_bytes(4, sys.byteorder) for at in range(0, len(address), 8))
    return str(IPv4Address(words) if len(words) == 4 else IPv6Address(words)), int(number, 16)


def _started(pid: int) -> str:
    """Return when a process has started, in ticks since the boot; empty if there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return ""


def _remove_stale() -> None:
    """Remove what others had made who did not live to remove it."""
    found = [re.fullmatch(rf"{_NAME}-(\d+)-(\d+)-.*", path.name) for path in _NAMESPACES.glob(f"{_NAME}-*")]
    _remove(match[0] for match in found if match and _started(int(match[1])) != match[2])


def _processes(namespace: str) -> set[int]:
    return {int(pid) for pid in _call("ip", "netns", "pids", namespace).split()}


def _remove(namespaces: Iterable[str]) -> None:
    """Kill all that runs in some namespaces and remove them; they may be gone, or be removed by others meanwhile."""
    for namespace in namespaces:
        _kill_all(namespace)
        with contextlib.suppress(subprocess.SubprocessError):
            _call("ip", "netns", "delete", namespace)


def _kill_all(namespace: str) -> None:
    deadline = time.monotonic() + _PATIENCE
    with contextlib.suppress(subprocess.SubprocessError):
        while (pids := _processes(namespace)) and time.monotonic() < deadline:
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.01)
