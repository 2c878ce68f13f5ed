"""The rows of a cycle."""

from types import SimpleNamespace

from hypothesis import example, given
from hypothesis import strategies as st

from wepy.dispatch import Identity
from wepy.facts import new_workers, worker_facts

TEXTS = st.text(st.characters(), max_size=70)  # lone surrogates too: names of hosts are what the system says


def ran_by(host, pid, platform):
    """What these rows take from a result."""
    return SimpleNamespace(worker=Identity(host=host, pid=pid), platform=platform)


def test_a_worker_is_known_by_host_process_and_platform():
    known = {}
    workers = [("a", 1, "CPU"), ("a", 1, "CUDA mixed"), ("b", 1, "CPU"), ("a", 2, "CPU"), ("a", 1, "CPU")]
    facts = worker_facts([ran_by(*worker) for worker in workers], known)
    assert facts["/segments/worker"] == [0, 1, 2, 3, 0]
    assert facts["/workers/host"].tolist() == [b"a", b"a", b"b", b"a"]
    assert facts["/workers/pid"].tolist() == [1, 1, 1, 2]
    assert facts["/workers/platform"].tolist() == [b"CPU", b"CUDA mixed", b"CPU", b"CPU"]
    again = worker_facts([ran_by("b", 1, "CPU"), ran_by("b", 1, "")], known)
    assert again["/segments/worker"] == [2, 4]
    assert again["/workers/platform"].tolist() == [b""]


@given(host=TEXTS, platform=TEXTS)
@example(host="n" * 63 + "é", platform="é" * 33)
@example(host="n\0", platform="\udcff")
def test_a_worker_is_known_again_from_what_a_file_keeps_of_its_names(host, platform):
    facts = worker_facts([ran_by(host, 7, platform)], {})
    for name in ("host", "platform"):
        facts[f"/workers/{name}"].item().decode()  # UTF-8, as the schema says
    known = {worker: row for row, worker in enumerate(new_workers(facts))}
    assert worker_facts([ran_by(host, 7, platform)], known)["/segments/worker"] == [0]
    assert len(known) == 1
