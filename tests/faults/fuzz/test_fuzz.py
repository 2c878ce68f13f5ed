"""Damaged and hostile files end in an error, a problem or the right answer: no crash, hang, lie, or full memory."""

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

JUDGE = Path(__file__).with_name("judge.py")
PATIENCE = 20  # s of processor time for one file, of which the slowest take 3: a busy machine makes none of it
STARTING = 120
SLEEPING = 6  # times as many seconds may pass, in which a file that is waited for in vain takes none either
GOOD = {"refused", "reported", "equal", "consistent"}
KINDS = {
    "bytes": ("flipped", "overwritten", "moved", "truncated", "extended", "absurd", "forged"),
    "objects": (
        "value", "stop", "parents", "checksummed", "dtype", "odd_dtype", "shape", "missing", "attribute", "huge",
        "grown", "bomb", "link", "stored_elsewhere", "extra", "lattice", "text",
    ),
    "journal": ("forged", "absurd_length", "flipped", "overwritten", "moved", "truncated", "extended", "absurd"),
}  # fmt: skip
INPUTS = {"bytes": 90, "objects": 50, "journal": 80}
"""Damaged files of each kind, made from seeds 0, 1, 2, ..."""
SHARDS = 4


class Judge:
    """A process that judges damaged files; it is started anew if one of them kills it."""

    def __init__(self, folder):
        self._folder, self._starts = folder, 0
        self._start()

    def _start(self):
        self._starts += 1
        own = self._folder / str(self._starts)
        own.mkdir()
        self._said = (own / "stderr").open("w+")
        self._process = subprocess.Popen(
            [sys.executable, "-W", "error", str(JUDGE), str(own)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._said, text=True,
        )  # fmt: skip
        assert self._answer(STARTING) == {"verdict": "ready"}, self._last_words()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.stdin.close()
        self._process.wait(STARTING)
        self._process.stdout.close()
        self._said.close()

    def ask(self, family, kind, seed):
        self._process.stdin.write(f"{family} {kind} {seed}\n")
        self._process.stdin.flush()
        answer = self._answer(PATIENCE)
        if answer is not None:
            return answer
        verdict = {"verdict": f"DIED of signal {-self._process.wait(STARTING)}", "detail": self._last_words()}
        self._process.stdin.close()
        self._process.stdout.close()
        self._said.close()
        self._start()
        return verdict

    def _answer(self, patience):
        began, used = time.monotonic(), self._processor_time()
        while not select.select([self._process.stdout], [], [], 1)[0]:
            if self._processor_time() - used > patience or time.monotonic() - began > SLEEPING * patience:
                self._process.send_signal(signal.SIGABRT)  # it hangs, and then says where
                break
        line = self._process.stdout.readline()
        return json.loads(line) if line else None

    def _processor_time(self):
        numbers = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(numbers[11]) + int(numbers[12])) / os.sysconf("SC_CLK_TCK")

    def _last_words(self):
        self._said.seek(0)
        return self._said.read()[-3000:]


def judged(folder, cases):
    """Verdicts of cases, counted by family, and what went wrong."""
    verdicts, wrong = Counter(), []
    with Judge(folder) as judge:
        for case in cases:
            answer = judge.ask(*case)
            verdicts[case[0], answer["verdict"]] += 1
            if answer["verdict"] not in GOOD:
                wrong.append((*case, answer["verdict"], answer["detail"]))
    return verdicts, wrong


def test_a_damaged_file_of_each_kind(tmp_path):
    cases = [(family, kind, 1000 + i) for family in KINDS for i, kind in enumerate(KINDS[family])]
    verdicts, wrong = judged(tmp_path, cases)
    assert not wrong, wrong[:3]
    assert verdicts.total() == 32


@pytest.mark.slow
@pytest.mark.parametrize("shard", range(SHARDS))
def test_thousands_of_damaged_files(shard, tmp_path):
    cases = [(family, kind, seed) for family in KINDS for kind in KINDS[family] for seed in range(INPUTS[family])]
    verdicts, wrong = judged(tmp_path, cases[shard::SHARDS])
    print(shard, dict(verdicts))
    assert not wrong, [len(wrong), *wrong[:3]]
    assert verdicts["bytes", "reported"] + verdicts["bytes", "refused"] > verdicts["bytes", "equal"]


def test_the_thousands_are_at_least_two():
    assert sum(len(kinds) * INPUTS[family] for family, kinds in KINDS.items()) >= 2000
