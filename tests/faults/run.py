#!/usr/bin/env python3
"""Makes every writing system call of onnx-pack fail, one after the other, and looks at what is left.

    run.py --program PATH --library failing_calls.so SCENARIO
    run.py --list

For each kind of fault (EIO, ENOSPC, EINTR, a short write, SIGKILL) and each n, the command runs with its n-th writing call going
wrong (failing_calls.cc), until one run has fewer calls. Afterwards the output is what it was, or what an undisturbed run makes of it,
never a mix; no file lies beside it; and a second run completes and leaves nothing else. After a kill something hidden may lie there,
and the second run takes it away.

EINTR and short writes are no failures: the command must succeed. The outputs are compared as a whole, names and bytes.
"""
import argparse
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
DATA = HERE.parent / "data"
SUPPORT = HERE.parent / "support"
KINDS = ["eio", "enospc", "eintr", "short", "kill"]
TARGETS = ["-t", "x86-64-v3", "-t", "x86-64-v4", "--backend", "good", "--backend-path", str(SUPPORT / "backends")]
BUILD = ["build", str(DATA / "models/external.onnx"), "--attach", "labels.txt", "--backend", "none"]


class Scenario:
    """A command, what stands at its output before it, and how it is run again when the output is complete."""

    def __init__(self, command, before=None, again=("--force",), mixes=False, prepare=(), step=1):
        self.command = command
        self.prepare = list(prepare)  # commands that make what it reads
        self.before = before  # prepares the output folder
        self.again = list(again)
        self.mixes = mixes  # may leave single files new and others old
        self.step = step  # every how many-th call fails; 1: each


def old_file(folder):
    (folder / "out").write_bytes(b"old")


def old_folder(folder):
    (folder / "out/components/model").mkdir(parents=True)
    (folder / "out/components/model/model.onnx").write_bytes(b"old")
    (folder / "out/mine.txt").write_bytes(b"mine")


SCENARIOS = {
    "build": Scenario([*BUILD, "-o", "out/p"]),
    "build-compact": Scenario(["build", str(DATA / "models/ternary.onnx"), "--backend", "none", "--compact", "-o", "out/p"]),
    "build-replaces": Scenario([*BUILD, "-o", "out/out", "--force"], old_file, []),
    "select": Scenario(["select", "full", "-t", "x86-64-v3", "--prefer-variants", "-o", "out/p"]),
    "select-replaces": Scenario(["select", "full", "-t", "x86-64-v3", "--verify", "-o", "out/out", "--force"], old_file, []),
    "extract-original": Scenario(["extract", "full", "--original", "-o", "out/folder"]),
    "extract-all": Scenario(["extract", "full", "--all", "-o", "out/folder"]),
    "extract-into-folder": Scenario(["extract", "full", "--all", "-o", "out/out", "--force"], old_folder, [], mixes=True),
}


SHARD = ["build", str(DATA / "models/external.onnx"), "--attach", "big.bin", "--backend", "good", "--backend-path",
         str(SUPPORT / "backends"), "-t", "aarch64", "-o", "shard"]
# The same with compilers at work: scratch folder, build cache and the backends' own files take part. Hundreds of calls, so not each in one run;
# a prime step does not fall in with what repeats per variant.
COMPILES = ["build", str(DATA / "models/external.onnx"), *TARGETS]
SCENARIOS.update({
    "build-compiles": Scenario([*COMPILES, "-o", "out/p"], step=13),
    "remove": Scenario(["remove", "full", "x86-64-v4-good", "-o", "out/p"]),
    "merge": Scenario(["merge", "full", "shard", "-o", "out/p"], prepare=[SHARD]),
    "merge-replaces": Scenario(["merge", "full", "shard", "-o", "out/out", "--force"], old_file, [], prepare=[SHARD]),
    "add": Scenario(["add", "full", "--blob", "labels.txt", "-t", "aarch64", "--backend", "b", "--ep", "E", "-o", "out/p"]),
    "repack": Scenario(["repack", "tree", "-o", "out/p"], prepare=[["extract", "full", "--all", "-o", "tree"]]),
})


def tree(folder):
    """Everything below: {relative path: bytes, or None for a folder}."""
    out = {}
    for path in sorted(folder.rglob("*")):
        out[str(path.relative_to(folder))] = None if path.is_dir() and not path.is_symlink() else path.read_bytes()
    return out


def hidden(state):
    return sorted(name for name in state if any(part.startswith(".") for part in name.split("/")))


class Bench:
    def __init__(self, options, scenario, folder):
        self.options, self.scenario, self.folder = options, scenario, folder
        self.out = folder / "out"
        self.environment = {
            "PATH": "/usr/bin:/bin", "HOME": str(folder / "home"), "XDG_CACHE_HOME": str(folder / "cache"),
            "XDG_STATE_HOME": str(folder / "state"), "TMPDIR": str(folder / "tmp"), "LC_ALL": "C"}
        (folder / "tmp").mkdir()
        (folder / "labels.txt").write_text("cat\ndog\n")
        # More than one chunk, so that digest lists and large copies take part.
        (folder / "big.bin").write_bytes(bytes(range(256)) * (5 << 12))
        self.call(["build", str(DATA / "models/external.onnx"), "--attach", "big.bin", *TARGETS, "-o", "full"], check=True)
        for prepare in scenario.prepare:
            self.call(prepare, check=True)

    def call(self, command, fault=None, check=False):
        environment = dict(self.environment)
        log = self.folder / "fault.log"
        log.unlink(missing_ok=True)
        if fault:
            environment.update(LD_PRELOAD=self.options.library, ONNXPACK_FAULT_KIND=fault[0], ONNXPACK_FAULT_CALL=str(fault[1]),
                               ONNXPACK_FAULT_LOG=str(log))
        done = subprocess.run([self.options.program, *command], cwd=self.folder, env=environment, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True)
        if check and done.returncode != 0:
            raise SystemExit(f"{' '.join(command)}: exit {done.returncode}\n{done.stdout}")
        return done, log.read_text().strip() if log.exists() else ""

    def reset(self):
        shutil.rmtree(self.out, ignore_errors=True)
        self.out.mkdir()
        if self.scenario.before:
            self.scenario.before(self.out)

    def run(self):
        self.reset()
        self.old = tree(self.out)
        self.call(self.scenario.command, check=True)
        self.new = tree(self.out)
        if self.new == self.old or hidden(self.new):
            raise SystemExit(f"an undisturbed run left {sorted(self.new)}")
        problems, runs = [], 0
        for kind in KINDS:
            for n in range(0, 10000, self.scenario.step):
                self.reset()
                done, name = self.call(self.scenario.command, (kind, n))
                if not name:
                    break
                runs += 1
                problem = self.judge(kind, done)
                if problem:
                    problems.append(f"{kind} at call {n} ({name}): {problem}\n  {done.stdout.strip()}")
            if n == 0:
                problems.append(f"{kind}: not a single call was met")
        return runs, problems

    def is_allowed(self, state):
        if state in (self.old, self.new):
            return True
        return self.scenario.mixes and all(
            content in (self.old.get(name, content), self.new.get(name, content)) and (name in self.old or name in self.new)
            for name, content in state.items()) and self.old.keys() <= state.keys()

    def judge(self, kind, done):
        state = tree(self.out)
        if kind in ("eintr", "short"):
            return None if done.returncode == 0 and state == self.new else f"exit {done.returncode}, expected success"
        if kind == "kill":
            if done.returncode != -signal.SIGKILL:
                return f"exit {done.returncode}, expected to be killed"
            state = {name: content for name, content in state.items() if name not in hidden(state)}
        elif done.returncode == 0 and state != self.new:
            return f"success, but the output is {sorted(state)}"
        elif done.returncode < 0:
            return f"died of signal {-done.returncode}"
        if not self.is_allowed(state):
            return f"left {sorted(state)}"
        return self.run_again(state)

    def run_again(self, state):
        complete = state == self.new
        again, _ = self.call(self.scenario.command + (self.scenario.again if complete else []))
        if again.returncode != 0:
            return f"the second run: exit {again.returncode}: {again.stdout.strip()}"
        after = tree(self.out)
        return None if after == self.new else f"the second run left {sorted(after)}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program")
    parser.add_argument("--library")
    parser.add_argument("--list", action="store_true", help="names of the scenarios")
    parser.add_argument("scenario", nargs="?")
    options = parser.parse_args()
    if options.list:
        print("\n".join(SCENARIOS))
        return 0
    # In memory where there is such a place: thousands of syncs of a real disk take minutes and show nothing more.
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="onnxpack-faults-", dir=memory) as folder:
        runs, problems = Bench(options, SCENARIOS[options.scenario], pathlib.Path(folder)).run()
    for problem in problems:
        print(problem)
    print(f"{options.scenario}: {runs} faults, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
