"""The child in which the source of a `python` grader runs; started by `sandbox` with `python -I`, without environment.

Reads JSON lines from standard input, first {"source", "seconds"}, then {"sample", "item"}; answers each with one
line. It limits its own memory, time and files, leaves the network where the system lets it, and refuses what a grader
has no business with. This keeps honest mistakes and careless code away from the machine; it is a fence, not a wall.
"""

import json
import math
import os
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

MEMORY, FILE, FILES = 2 << 30, 256 << 20, 256  # bytes, bytes, count
LONGEST = 1 << 20  # characters of an answer
CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
REFUSED = ("socket.", "subprocess.", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.kill",
           "os.putenv", "os.startfile", "shutil.", "pty.", "ftplib.", "urllib.", "http.client.", "smtplib.",
           "ctypes.dlsym", "sqlite3.", "os.chmod", "os.chown", "os.link", "os.symlink", "sys.remote_exec",
           "signal.pthread_kill")  # fmt: skip
HARMLESS = ("socket.__new__", "socket.gethostname", "shutil.rmtree", "os.putenv")


def limit() -> None:
    """Bounds what the process may take, and leaves the network behind."""
    try:
        import resource
    except ImportError:  # a system without
        return
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE, FILE))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, FILES))
    try:
        import ctypes

        ctypes.CDLL(None).unshare(CLONE_NEWUSER | CLONE_NEWNET)
    except Exception:  # not on this system; the fence below stands all the same
        return


def fence(folder: str) -> None:
    """From here on, no sockets and no processes; reads only what Python needs, writes only below the folder."""
    readable = tuple({os.path.realpath(p) + os.sep for p in (sys.prefix, sys.base_prefix, *sys.path, "/usr", "/lib")})
    own = os.path.realpath(folder) + os.sep
    devices = ("/dev/null", "/dev/urandom", "/proc/cpuinfo", "/proc/meminfo", "/proc/self/status")

    def allowed(path: object, writes: bool) -> bool:
        if isinstance(path, int):
            return True
        real = os.path.realpath(os.fsdecode(path))  # type: ignore[arg-type]
        return (real + os.sep).startswith(own) or (not writes and (real.startswith(readable) or real in devices))

    def audit(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open" and arguments[0] is not None:
            flags = arguments[2] if isinstance(arguments[2], int) else 0
            if not allowed(arguments[0], bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC))):
                raise PermissionError(f"a grader may not open {arguments[0]}")
        elif event in ("os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.truncate", "os.listdir", "os.scandir"):
            writes = event not in ("os.listdir", "os.scandir")
            if not all(allowed(path, writes) for path in arguments if isinstance(path, str | bytes)):
                raise PermissionError(f"a grader may not do this: {event}")
        elif event.startswith(REFUSED) and not event.startswith(HARMLESS):
            raise PermissionError(f"a grader may not do this: {event}")

    sys.addaudithook(audit)


def allow_seconds(seconds: float) -> None:
    """Gives the next answer its processor time."""
    try:
        import resource
    except ImportError:
        return
    used = resource.getrusage(resource.RUSAGE_SELF)
    soft = math.ceil(used.ru_utime + used.ru_stime + seconds) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (soft, resource.RLIM_INFINITY))


def judge(grade: Any, task: dict[str, Any]) -> dict[str, Any]:
    """The number that the grader gives, or what went wrong."""
    try:
        score = grade(task["sample"], task["item"])
    except BaseException as error:
        return {"error": told(error)}
    try:
        number = float(score)
    except (TypeError, ValueError):
        return {"error": f"grade returned {type(score).__name__}, not a number"}
    if not math.isfinite(number):
        return {"error": f"grade returned {number}"}
    return {"score": number}


def told(error: BaseException) -> str:
    """The error, and the line of the source it comes from."""
    line, trace = None, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == "<grader>":
            line = trace.tb_lineno
        trace = trace.tb_next
    where = f" (line {line})" if line else ""
    try:
        return f"{type(error).__name__}: {error}"[:2000] + where
    except Exception:
        return type(error).__name__ + where


def end_with_parent() -> None:
    """Ends this process soon after the one that started it, whatever the grader does meanwhile."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def main() -> None:
    """Answers until nobody asks any more."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)  # what the grader prints is nobody's answer
    os.dup2(nowhere, 2)
    questions = os.fdopen(os.dup(0), encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    first = json.loads(questions.readline())
    end_with_parent()
    folder = str(Path.cwd())
    tempfile.tempdir = folder
    limit()
    fence(folder)
    names: dict[str, Any] = {"__name__": "grader"}
    problem = ""
    try:
        allow_seconds(first["seconds"])
        exec(compile(first["source"], "<grader>", "exec"), names)
    except BaseException as error:
        problem = told(error)
    grade = names.get("grade")
    while line := questions.readline():
        allow_seconds(first["seconds"])
        answer = {"error": problem} if problem else judge(grade, json.loads(line))
        answers.write(json.dumps(answer)[:LONGEST] + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
