#!/usr/bin/env python3
"""Runs a command again and again, failing the 1st, 2nd, 3rd ... allocation or system call of it.

    sweep.py --library libnth_malloc.so [options] -- COMMAND ARGUMENT...
    sweep.py --call openat:EMFILE       [options] -- COMMAND ARGUMENT...
    sweep.py --call pwritev:KILL        [options] -- COMMAND ARGUMENT...

Each run gets a fresh folder, whose path replaces {work} in the command; --fixture PATH is copied into
it first. A run must end by itself, in time, with an exit status that Tessera documents, without a
sanitizer's report; when it fails it must say why on stderr; when it succeeds although something was
refused, it must print what the undisturbed run prints. Options can ask for more: --verify (which finds
the exit status of the run in SWEEP_STATUS), --recover. SWEEP_RUNS=N in the environment overrides
--runs; SWEEP_RUNS=all tries each n.

Without --call the n-th allocation fails (nth_malloc.c, preloaded); with it, the n-th call of that name
in each thread, by strace; with KILL for an error the process is killed there. Exit status: 0 all runs good, 1 not, 77 the machine does not allow this.
"""

import argparse
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile

DOCUMENTED = {0, 1, 2, 3, 4, 5, 6, 7, 8}
REPORTS = re.compile(
    r"AddressSanitizer|LeakSanitizer|ThreadSanitizer|runtime error:|Assertion .* failed"
    r"|terminate called|stack smashing|double free|corrupted|malloc\(\):|free\(\):"
)
NOT_OURS_YET = re.compile(r"error while loading shared libraries|cannot allocate memory in static TLS")
SKIPPED = 77


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--library", help="path of libnth_malloc.so")
    parser.add_argument("--call", help="NAME:ERRNO or NAME:KILL of a system call")
    parser.add_argument("--persistent", action="store_true", help="all from the n-th on fail")
    parser.add_argument("--fixture", action="append", default=[], help="copied into {work}")
    parser.add_argument("--verify", help="shell command that must succeed after each run")
    parser.add_argument("--recover", action="store_true", help="the same command must then succeed")
    parser.add_argument("--any-output", action="store_true", help="do not compare stdout on success")
    parser.add_argument("--report", action="store_true", help="findings may be told on stdout")
    parser.add_argument("--not-surviving", help="pattern of frames of libraries that crash then")
    parser.add_argument("--allow", default="", help="further exit statuses, comma separated")
    parser.add_argument("--timeout", type=float, default=60)
    parser.add_argument("--runs", type=int, default=400, help="most runs; spread when there are more")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    if options.command[:1] == ["--"]:
        del options.command[0]
    asked = os.environ.get("SWEEP_RUNS")
    if asked:
        options.runs = sys.maxsize if asked == "all" else int(asked)
    if not options.command or bool(options.library) == bool(options.call):
        parser.error("give a command after --, and one of --library and --call")
    return options


class Run:
    """One execution in its own folder: outcome, output, and whether something was refused."""

    def __init__(self, options, n):
        self.options, self.n = options, n
        self.folder = tempfile.mkdtemp(prefix="sweep-")
        self.work = os.path.join(self.folder, "work")
        os.mkdir(self.work)
        for fixture in options.fixture:
            target = os.path.join(self.work, os.path.basename(fixture.rstrip("/")))
            copy = shutil.copytree if os.path.isdir(fixture) else shutil.copy2
            copy(fixture, target)
        self.report = os.path.join(self.folder, "report")

    def __enter__(self):
        self.status, self.stdout, self.stderr = self.execute(self.faulty())
        self.account = ""
        if os.path.exists(self.report):
            with open(self.report, errors="replace") as file:
                self.account = file.read()
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.folder, ignore_errors=True)

    def fill(self, text):
        return text.replace("{work}", self.work)

    def command(self):
        return [self.fill(word) for word in self.options.command]

    def faulty(self):
        """The command and environment that refuse the n-th request; n = 0 only counts."""
        environment = dict(os.environ)
        if self.options.call:
            name, _, errno = self.options.call.partition(":")
            when = f"{self.n}+" if self.options.persistent else str(self.n)
            manner = "signal=KILL" if errno == "KILL" else f"error={errno or 'EIO'}"
            rule = f"inject={name}:{manner}:when={when}" if self.n else f"trace={name}"
            tracer = ["strace", "-f", "-qq", "-o", self.report, "-e", f"trace={name}", "-e", rule]
            # LeakSanitizer cannot attach to a process that is being traced.
            leaks = environment.get("ASAN_OPTIONS", "")
            environment["ASAN_OPTIONS"] = f"{leaks}:detect_leaks=0".lstrip(":")
            return tracer + self.command(), environment
        # Under AddressSanitizer our library still comes first: it hands on to the sanitizer's allocator.
        checks = environment.get("ASAN_OPTIONS", "")
        environment["ASAN_OPTIONS"] = f"{checks}:verify_asan_link_order=0".lstrip(":")
        environment.update(
            LD_PRELOAD=self.options.library, NTH_MALLOC=str(self.n), NTH_MALLOC_REPORT=self.report
        )
        if self.options.persistent:
            environment["NTH_MALLOC_PERSISTENT"] = "1"
        return self.command(), environment

    def execute(self, prepared):
        command, environment = prepared
        # A session of its own, so that at a time-out the traced program ends too, not strace alone.
        child = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        try:
            stdout, stderr = child.communicate(timeout=self.options.timeout)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            child.communicate()
            return None, b"", ""
        return child.returncode, stdout, stderr.decode(errors="replace")

    def killed(self):
        """Whether it ended as it was meant to: strace ends by the signal that ended its child."""
        return (self.options.call or "").endswith(":KILL") and self.status in (-9, 137)

    def not_ours(self):
        """Whether the allocation was refused to a library that is known not to survive it."""
        known = self.options.not_surviving
        return bool(known and re.search(known, self.account))

    def fired(self):
        if self.killed():
            return True
        return "(INJECTED)" in self.account if self.options.call else "fired" in self.account

    def candidates(self):
        """Each n worth trying: strace counts the calls of each thread by itself."""
        if not self.options.call:
            found = re.findall(r"^count (\d+)", self.account, re.M)
            return range(1, int(found[-1]) + 1) if found else []
        threads = {}
        name = self.options.call.partition(":")[0]
        for thread, call in re.findall(rf"^(\d+) +{name}\((.*)", self.account, re.M):
            threads.setdefault(thread, []).append(call)
        chosen = set()
        for calls in threads.values():
            # What comes before the first mention of our folder is the loader looking for libraries.
            ours = [n for n, call in enumerate(calls, 1) if self.work in call]
            chosen.update(range(ours[0] if ours else 1, len(calls) + 1))
        return sorted(chosen)

    def complaint(self, reference, documented):
        """What is wrong with this run, or None."""
        if self.status is None:
            return f"did not end within {self.options.timeout:g} s"
        if self.killed():
            return self.complaint_afterwards()
        if self.status == -signal.SIGSEGV and self.not_ours():
            return None
        if self.status < 0:
            return f"killed by signal {-self.status}"
        if REPORTS.search(self.stderr):
            return "a checker reported"
        if self.status == 127 and NOT_OURS_YET.search(self.stderr):
            return None
        if self.status not in documented:
            return f"exit status {self.status} is not documented"
        told = self.stderr.strip() or (self.options.report and self.stdout.strip())
        if self.status != reference.status and not told:
            return f"failed with exit status {self.status} and said nothing"
        if self.status == 0 and not self.options.any_output:
            if self.normal(self.stdout) != reference.normal(reference.stdout):
                return "reported success with another output than the undisturbed run"
        return self.complaint_afterwards()

    def normal(self, output):
        return output.replace(self.work.encode(), b"{work}")

    def complaint_afterwards(self):
        if self.options.verify:
            try:
                verify = subprocess.run(
                    self.fill(self.options.verify),
                    shell=True,
                    env={**os.environ, "SWEEP_STATUS": str(self.status)},
                    stdin=subprocess.DEVNULL,
                    capture_output=True,
                    timeout=self.options.timeout,
                )
            except subprocess.TimeoutExpired:
                return f"--verify then did not end within {self.options.timeout:g} s"
            if verify.returncode != 0:
                said = (verify.stdout + verify.stderr).decode(errors="replace")
                return f"--verify then ended with {verify.returncode}: {said.strip()[-400:]}"
        if self.options.recover and self.status != 0:
            status, _, said = self.execute((self.command(), dict(os.environ)))
            if status != 0:
                return f"a re-run then ended with {status}: {said.strip()[-400:]}"
        return None


def numbers(candidates, most):
    """All of them, or the first quarter of `most` and the rest spread evenly."""
    total = len(candidates)
    if total <= most:
        return list(candidates)
    dense = most // 4 or 1
    spread = (total - dense) / max(most - dense, 1)
    places = {*range(dense), *(int(dense - 1 + spread * i) for i in range(1, most - dense + 1))}
    return [candidates[place] for place in sorted(places)]


def explain(run, complaint):
    refused = f"{run.options.call} call" if run.options.call else "allocation"
    print(f"FAILED: {refused} {run.n} refused: {complaint}")
    print("  stderr: " + run.stderr.strip()[-1500:].replace("\n", "\n          "))
    where = [line for line in run.account.splitlines() if "(INJECTED)" in line or "[0x" in line]
    for line in where[:16]:
        print("  at " + resolve(line))


def resolve(line):
    """Adds function and line to `path(+0x1234)[0x...]` where debug information has them."""
    offset = re.match(r"(\S+)\(\+(0x[0-9a-f]+)\)\[0x[0-9a-f]+\]", line)
    if not offset or not shutil.which("addr2line"):
        return line
    found = subprocess.run(
        ["addr2line", "-fpse", offset[1], offset[2]], capture_output=True, text=True
    ).stdout.strip()
    return f"{line}  {found}" if found and "??" not in found else line


def allowed_here(options):
    if options.call:
        probe = ["strace", "-o", "/dev/null", "true"]
        try:
            return subprocess.run(probe, capture_output=True).returncode == 0
        except FileNotFoundError:
            return False
    return os.path.exists(options.library)


def main():
    options = arguments()
    if not allowed_here(options):
        print("skipped: this machine does not allow it (strace, or the preloaded library, is missing)")
        return SKIPPED
    documented = DOCUMENTED | {int(word) for word in options.allow.split(",") if word}
    with Run(options, 0) as reference:
        complaint = reference.complaint(reference, documented)
        candidates = reference.candidates()
        if complaint or not candidates:
            print(f"FAILED undisturbed: {complaint or 'nothing was counted'}\n{reference.stderr}")
            return 1
        bad = fired = survived = 0
        chosen = numbers(candidates, options.runs)
        for n in chosen:
            with Run(options, n) as run:
                complaint = run.complaint(reference, documented)
                fired += run.fired()
                survived += run.fired() and run.status == 0
                if complaint:
                    bad += 1
                    explain(run, complaint)
                    if bad >= 10:
                        print("stopping after 10 failures")
                        break
    print(
        f"{shlex.join(options.command)}: {len(candidates)} counted, {len(chosen)} runs, {fired} with a refusal,"
        f" of which {survived} went on well, {bad} failed"
    )
    # A sweep in which nothing was refused has proved nothing.
    return 1 if bad or fired == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
