"""A process beside this one: what it says is heard, what ends it is met, and it never outlives its use."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from core import beside
from core.beside import Beside, Lost

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_what_it_says_is_heard_in_its_order_and_how_far_it_is_as_well() -> None:
    def work(here: Beside) -> None:
        for number in (1, 2):
            here.reach(number)
            here.say({"found": number})

    other = Beside(work)
    assert [other.hear(), other.hear()] == [{"found": 1}, {"found": 2}] and other.done == 2
    with pytest.raises(Lost):
        other.hear()
    other.stop()
    assert not is_alive(other.pid)


def test_it_can_be_asked_until_nobody_asks_any_more() -> None:
    def work(here: Beside) -> None:
        while question := here.asked():
            here.say(question * 2)

    other = Beside(work)
    other.ask("a" * 100_000)
    assert other.hear() == "a" * 200_000
    other.ask([1])
    assert other.hear() == [1, 1]
    os.kill(other.pid, signal.SIGKILL)
    os.waitid(os.P_PID, other.pid, os.WEXITED | os.WNOWAIT)
    other.ask("Is anybody there?")
    with pytest.raises(Lost):
        other.hear()
    other.stop()


def test_more_than_a_pipe_holds_is_handed_over_whole() -> None:
    other = Beside(lambda here: here.say(bytes(10_000_000)))
    assert len(other.hear()) == 10_000_000
    other.stop()


def test_an_error_or_a_kill_over_there_is_a_loss_here() -> None:
    def break_off(here: Beside) -> None:
        raise ValueError

    for work in (break_off, lambda here: os.kill(os.getpid(), signal.SIGKILL)):
        other = Beside(work)
        with pytest.raises(Lost):
            other.hear()
        other.stop()


def test_stopping_ends_it_in_the_middle_of_its_work() -> None:
    other = Beside(lambda here: time.sleep(60))
    began = time.monotonic()
    other.stop()
    assert not is_alive(other.pid) and time.monotonic() - began < 10


def test_it_ends_by_itself_when_the_program_is_killed(tmp_path: Path) -> None:
    script = (
        "import os, time, sys\n"
        "from core.beside import Beside\n"
        "def work(here):\n"
        "    while True:\n"
        "        here.reach(1); time.sleep(0.01)\n"
        "other = Beside(work); print(other.pid, flush=True); time.sleep(60)\n"
    )
    root = Path(__file__).resolve().parents[2]
    program = subprocess.Popen([sys.executable, "-c", script], cwd=root, stdout=subprocess.PIPE, text=True)
    assert program.stdout
    pid = int(program.stdout.readline())
    assert is_alive(pid)
    program.kill()
    program.wait()
    deadline = time.monotonic() + 10
    while is_alive(pid) and time.monotonic() < deadline and not _is_zombie(pid):
        time.sleep(0.05)
    assert not is_alive(pid) or _is_zombie(pid)


def _is_zombie(pid: int) -> bool:
    try:
        return ") Z " in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False


def test_a_program_with_more_threads_is_left_as_it_is() -> None:
    going = threading.Event()
    thread = threading.Thread(target=going.wait)
    thread.start()
    assert not beside.possible()
    going.set()
    thread.join()
