"""The hosts that other tests run on: they log in to each other, can be cut off, and leave nothing behind."""

import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import hosts as harness
import pytest
from hosts import Hosts, unavailable

LIMIT = 30  # s for a test; they take one or two
SILENCE = 1.0  # s in which nothing may arrive
PORT = 4000
MOUTH = """
import socket, sys, threading
sock = socket.create_server(("", int(sys.argv[2]))).accept()[0] if sys.argv[1] == "wait" else (
    socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=float(sys.argv[3])))
sock.settimeout(None)
def listen():
    for line in sock.makefile():
        print(line, end="", flush=True)
    print("closed", flush=True)
print("connected", flush=True)
threading.Thread(target=listen, daemon=True).start()
for line in sys.stdin:
    sock.sendall(line.encode())
"""
LISTEN = """
import socket, sys
listeners = [socket.create_server(("127.0.0.1", 4001)), socket.create_server(("::", 4002), family=socket.AF_INET6)]
print("listening", flush=True)
sys.stdin.read()
"""
ABANDON = """
import sys, time
from pathlib import Path
from hosts import Hosts
hosts = Hosts(Path(sys.argv[1])).__enter__()
print(*set().union(*(hosts.processes(name) for name in hosts.names)), flush=True)
time.sleep(60)
"""


@pytest.fixture(autouse=True)
def limit():
    """End a test that hangs."""

    def late(*_):
        raise TimeoutError(f"the test took longer than {LIMIT} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, LIMIT)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture(scope="module")
def possible():
    """Skip where there can be no hosts."""
    if reason := unavailable():
        pytest.skip(reason)


@pytest.fixture(scope="module")
def hosts(possible, tmp_path_factory):
    environment = {"FIRST": "of two", "SECOND": "two"}
    with Hosts(tmp_path_factory.mktemp("three hosts"), environment=environment) as made:
        yield made


class Mouth:
    """One end of a connection: says lines, and hears those of the other end."""

    def __init__(self, hosts, host, *arguments):
        pipe = subprocess.PIPE
        argv = [sys.executable, "-c", MOUTH, *arguments]
        self.process = hosts.run(host, argv, stdin=pipe, stdout=pipe, stderr=subprocess.STDOUT, bufsize=0)

    def say(self, line):
        self.process.stdin.write(f"{line}\n".encode())

    def hear(self, seconds=LIMIT):
        """Return the next line, or nothing if none has come in some seconds."""
        ready, _, _ = select.select([self.process.stdout], [], [], seconds)
        return self.process.stdout.readline().decode().strip() if ready else ""


def talk(hosts, one, other):
    """Connect two hosts; return both ends."""
    waiting = Mouth(hosts, other, "wait", PORT)
    while not any(port == PORT for _, port in hosts.listening(other)):
        assert waiting.process.poll() is None
        time.sleep(0.02)
    calling = Mouth(hosts, one, hosts.address(other), PORT, 5)
    assert [calling.hear(), waiting.hear()] == ["connected", "connected"]
    return calling, waiting


def running(pids):
    """Return which processes have not ended."""
    states = {}
    for pid in pids:
        try:
            states[pid] = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
    return {pid for pid, state in states.items() if state not in "ZX"}


def all_processes(hosts):
    return set().union(*(hosts.processes(name) for name in hosts.names))


def traces(stem):
    """Return what still has hosts' names on the machine."""
    folders = [Path("/run/netns"), Path("/etc/netns")]
    mounted = [line for line in Path("/proc/mounts").read_text().splitlines() if stem in line]
    return mounted + [path for folder in folders for path in folder.glob(f"{stem}*")]


def test_a_host_logs_in_to_another_by_name(hosts):
    said = hosts.output("alpha", ["ssh", "-F", hosts.ssh_config, "beta", "hostname; echo $FIRST, $SECOND"])
    assert said == "beta\nof two, two\n"


def test_plain_ssh_does_too_and_comes_from_the_hosts_address(hosts):
    assert hosts.output("gamma", ["ssh", "alpha", "echo $SSH_CONNECTION"]).split()[:1] == [hosts.address("gamma")]


def test_a_program_has_the_hosts_name_and_the_callers_folder_and_environment(hosts, tmp_path):
    argv = ["sh", "-c", "echo $$ $WORD; pwd; hostname; cat /etc/hostname"]
    process = hosts.run("beta", argv, cwd=tmp_path, env={"WORD": "word"}, stdout=subprocess.PIPE, text=True)
    out, _ = process.communicate(timeout=LIMIT)
    assert out.splitlines() == [f"{process.pid} word", str(tmp_path), "beta", "beta"]


@pytest.mark.parametrize("cut", ["alpha", "beta"])
def test_a_connection_stalls_while_a_host_is_cut_off_and_then_goes_on(hosts, cut):
    alpha, beta = talk(hosts, "alpha", "beta")
    alpha.say("to beta")
    beta.say("to alpha")
    assert [alpha.hear(), beta.hear()] == ["to alpha", "to beta"]
    hosts.cut(cut)
    try:
        alpha.say("lost to beta")
        beta.say("lost to alpha")
        assert [alpha.hear(SILENCE), beta.hear(0)] == ["", ""]
        assert [alpha.process.poll(), beta.process.poll()] == [None, None]
    finally:
        hosts.mend(cut)
    assert [alpha.hear(), beta.hear()] == ["lost to alpha", "lost to beta"]
    alpha.process.kill()
    assert beta.hear() == "closed"


def test_a_new_connection_to_a_host_that_is_cut_off_gets_no_answer_and_others_do(hosts):
    hosts.cut("beta")
    try:
        callers = [Mouth(hosts, "alpha", hosts.address(name), 22, SILENCE) for name in ("beta", "gamma")]
        assert callers[1].hear() == "connected"
        assert b"TimeoutError: timed out" in callers[0].process.communicate(timeout=LIMIT)[0]
    finally:
        hosts.mend("beta")
    assert Mouth(hosts, "alpha", hosts.address("beta"), 22, 5).hear() == "connected"


def test_what_listens_is_told_host_by_host(hosts):
    servers = {name: {(hosts.address(name), 22)} for name in hosts.names}
    pipe = subprocess.PIPE
    with hosts.run("beta", [sys.executable, "-c", LISTEN], stdin=pipe, stdout=pipe) as listener:
        assert listener.stdout.readline() == b"listening\n"
        found = {name: hosts.listening(name) for name in hosts.names}
    assert found == servers | {"beta": servers["beta"] | {("127.0.0.1", 4001), ("::", 4002)}}
    assert {name: hosts.listening(name) for name in hosts.names} == servers


def test_nothing_is_left_when_a_test_fails(possible, tmp_path):
    with pytest.raises(ZeroDivisionError), Hosts(tmp_path) as hosts:  # noqa: PT012
        stubborn = ["ssh", "beta", "trap '' HUP TERM; setsid sleep 60 & echo still; wait"]
        session = hosts.run("alpha", stubborn, stdout=subprocess.PIPE, text=True)
        assert "still\n" in iter(session.stdout.readline, "")
        talk(hosts, "alpha", "gamma")
        pids, stem = all_processes(hosts), hosts._switch
        assert len(running(pids)) >= 3 + 1 + 3 + 2  # servers, ssh, session and shell and sleep, mouths
        assert traces(stem)
        1 / 0  # noqa: B018
    assert running(pids) == set()
    assert traces(stem) == []


def test_what_a_killed_test_has_left_is_removed_by_the_next(possible, tmp_path):
    argv = [sys.executable, "-c", ABANDON, tmp_path / "killed"]
    (tmp_path / "killed").mkdir()
    folder = Path(__file__).parent
    with subprocess.Popen(argv, cwd=folder, stdout=subprocess.PIPE, text=True) as owner:
        try:
            pids = set(map(int, owner.stdout.readline().split()))
            assert len(running(pids)) == 3
        finally:
            owner.kill()
    (tmp_path / "next").mkdir()
    with Hosts(tmp_path / "next") as hosts:
        assert running(pids) == set()
        assert traces(f"wepy-test-{owner.pid}-") == []
        assert len(running(all_processes(hosts))) == 3


def test_where_there_can_be_no_hosts_the_reason_is_said(possible, monkeypatch):
    program = "import sys; sys.path.insert(0, sys.argv[1]); from hosts import unavailable; print(unavailable())"
    argv = [sys.executable, "-c", program, Path(__file__).parent]
    tied = ["setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin"]  # root of an ordinary container
    said = subprocess.run([*tied, *argv], capture_output=True, text=True, timeout=LIMIT, check=True).stdout
    assert said.startswith("network namespaces do not work here: ")
    assert "Operation not permitted" in said
    monkeypatch.setattr(harness, "_PROGRAMS", {"sshd-nowhere": "openssh-server", "ip": "iproute2"})
    assert unavailable() == "hosts need sshd-nowhere (of openssh-server)"
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert unavailable() == "hosts are network namespaces, which only root can make"
