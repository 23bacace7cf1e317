"""Programs that the backend runs: watched, so that the host hears a heartbeat while they use the CPU and only then."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass

from .protocol import Events, Failed

HEARTBEAT_SECONDS = 5.0
KEPT_BYTES = 256 * 1024


@dataclass
class Finished:
    code: int  # negative: the signal that ended it
    output: str  # the last of stdout and stderr together

    @property
    def signal_name(self) -> str:
        return signal.Signals(-self.code).name if self.code < 0 else ""


def _cpu_seconds(pid: int) -> float:
    """CPU time of a running child; the kernel's own sum for children counts the finished ones only."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            fields = file.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    except (OSError, IndexError, ValueError):
        return 0.0


def _beat(process: subprocess.Popen[bytes], events: Events, done: threading.Event) -> None:
    last = 0.0
    while not done.wait(HEARTBEAT_SECONDS):
        now = _cpu_seconds(process.pid)
        # Where there is no /proc a silent compiler must not be taken for a hanging one.
        if now - last >= 0.05 or now == 0.0:
            events.heartbeat()
        last = now


def run(
    command: list[str],
    events: Events,
    folder: str | None = None,
    variables: dict[str, str] | None = None,
    seconds: float | None = None,
) -> Finished:
    """Runs to the end, or until it is killed after `seconds`. What it prints goes to this process's stderr, which is the
    host's log, and its end is kept."""
    print("+ " + " ".join(command), file=sys.stderr, flush=True)
    try:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, **(variables or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
    except OSError as error:
        raise Failed(f"cannot start {command[0]}: {error.strerror}") from error
    done = threading.Event()
    pulse = threading.Thread(target=_beat, args=(process, events, done), daemon=True)
    pulse.start()
    limit = threading.Timer(seconds, process.kill) if seconds else None
    if limit:
        limit.start()
    head, tail = bytearray(), bytearray()
    assert process.stdout is not None
    while chunk := process.stdout.read1(65536):
        sys.stderr.buffer.write(chunk)
        sys.stderr.flush()
        # A compiler's first error says why, a runtime's last line does; floods in between are the log's business.
        if len(head) < KEPT_BYTES:
            head += chunk
        else:
            tail = (tail + chunk)[-KEPT_BYTES:]
    code = process.wait()
    if limit:
        limit.cancel()
    done.set()
    pulse.join()
    return Finished(code, (head + tail).decode("utf-8", "replace"))
