#!/usr/bin/env python3
"""Ligase beside other programs on the same repositories, in one run on one machine: wall, processor seconds, peak memory.

    python3 tests/benches/beside.py --ligase target/release/ligase --parse target/release/examples/parse \
        --tools target/tools/beside/bin --checkov target/tools/checkov/bin/checkov REPOSITORY...

Beside `ligase check` of everything with nothing remembered: (a) the same files through the same parsers and no rule
(`cargo build --release -p ligase-probe --example parse`), (b) ast-grep's binary with the patterns below, (c) Semgrep with the
same patterns written as its rules (its registry's rules need the network and are not shipped in its package), (d) Checkov with
the rules that its package ships, on repositories that hold Terraform, CloudFormation or Kubernetes. Programs are wheels:
`pip install ast-grep-cli semgrep` into one environment, `checkov` into another. One that is missing is left out and said so.

Nothing is asserted: the programs ask different things of different files, and a ratio is for orders of magnitude. Processor
time and memory are of the process and of those that it waited for; the peak is that of the largest one of them.
"""
import argparse, json, os, pathlib, shutil, subprocess, sys, tempfile

ASSUME = "data=phi,pii,cardholder-data,credential;exposure=internet;residency=eu;frameworks=soc2,hipaa,gdpr"
# (name, language, ast-grep pattern, Semgrep pattern): log calls, routes and stored fields, as far as one pattern says it.
PATTERNS = [
    ("log-py", "python", "logger.$M($$$A)", "logger.$M(...)"),
    ("logging-py", "python", "logging.$M($$$A)", "logging.$M(...)"),
    ("depends-py", "python", "Depends($$$A)", "Depends(...)"),
    ("column-py", "python", "Column($$$A)", "Column(...)"),
    ("mapped-py", "python", "mapped_column($$$A)", "mapped_column(...)"),
    ("router-py", "python", "APIRouter($$$A)", "APIRouter(...)"),
    ("console-ts", "typescript", "console.$M($$$A)", "console.$M(...)"),
    ("logger-ts", "typescript", "$O.logger.$M($$$A)", "$O.logger.$M(...)"),
    ("get-ts", "typescript", "$R.get($$$A)", "$R.get(...)"),
    ("post-ts", "typescript", "$R.post($$$A)", "$R.post(...)"),
    ("log-java", "java", "log.$M($$$A)", "log.$M(...)"),
    ("logger-java", "java", "LOGGER.$M($$$A)", "LOGGER.$M(...)"),
    ("log-go", "go", "log.$M($$$A)", "log.$M(...)"),
    ("get-go", "go", "$R.GET($$$A)", "$R.GET(...)"),
    ("use-go", "go", "$R.Use($$$A)", "$R.Use(...)"),
]


def run(command, cwd=None):
    """(seconds of wall, of processors, peak in MiB, exit code) of one command, in a child of its own."""
    script = (
        "import json,resource,subprocess,sys,time\n"
        "t=time.monotonic(); p=subprocess.run(sys.argv[1:],stdin=subprocess.DEVNULL,stdout=subprocess.DEVNULL,stderr=subprocess.DEVNULL)\n"
        "w=time.monotonic()-t; u=resource.getrusage(resource.RUSAGE_CHILDREN)\n"
        "print(json.dumps([w,u.ru_utime+u.ru_stime,u.ru_maxrss/1024,p.returncode]))"
    )
    env = {**os.environ, "SEMGREP_SEND_METRICS": "off", "SEMGREP_ENABLE_VERSION_CHECK": "0", "XDG_CACHE_HOME": CACHE}
    out = subprocess.run([sys.executable, "-c", script, *command], cwd=cwd, env=env, stdout=subprocess.PIPE, check=True)
    return json.loads(out.stdout)


def rules(folder):
    """The same patterns for both programs."""
    grep = "\n---\n".join(
        f"id: {n}\nlanguage: {lang}\nrule:\n  pattern: {json.dumps(p)}" for n, lang, p, _ in PATTERNS
    )
    (folder / "grep.yaml").write_text(grep + "\n")
    own = [{"id": n, "languages": [lang], "severity": "INFO", "message": n, "pattern": p} for n, lang, _, p in PATTERNS]
    (folder / "semgrep.yaml").write_text(json.dumps({"rules": own}))


def main():
    global CACHE
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ligase", required=True)
    parser.add_argument("--parse")
    parser.add_argument("--tools", default="target/tools/beside/bin")
    parser.add_argument("--checkov", default="target/tools/checkov/bin/checkov")
    parser.add_argument("repositories", nargs="+")
    options = parser.parse_args()
    # Programs are started in an empty folder.
    tools = pathlib.Path(options.tools).absolute()
    for name in ("ligase", "parse", "checkov"):
        given = getattr(options, name)
        setattr(options, name, given and str(pathlib.Path(given).absolute()))
    tmp = pathlib.Path(tempfile.mkdtemp(prefix="beside-"))
    CACHE = str(tmp / "cache")
    rules(tmp)
    print("load before:", open("/proc/loadavg").read().split()[0])
    print(f"{'repository':<28} {'program':<10} {'wall s':>8} {'cpu s':>8} {'peak MiB':>9} {'exit':>5}  beside ligase's cpu")
    for repository in map(lambda r: pathlib.Path(r).absolute(), options.repositories):
        holds = any(repository.rglob("*.tf")) or any((repository / d).exists() for d in ("kubernetes", "deploy", "kubernetes-manifests"))
        commands = [
            ("ligase", [options.ligase, "check", str(repository), "--json", "--assume", ASSUME]),
            ("parse", [options.parse, str(repository)] if options.parse else None),
            ("ast-grep", [str(tools / "ast-grep"), "scan", "--rule", str(tmp / "grep.yaml"), "--json=stream", str(repository)]),
            ("semgrep", [str(tools / "semgrep"), "scan", "--quiet", "--metrics=off", "--disable-version-check", "--no-git-ignore",
                         "--config", str(tmp / "semgrep.yaml"), "--json", str(repository)]),
            ("checkov", [options.checkov, "-d", str(repository), "--quiet", "--compact", "-o", "json", "--framework",
                         "terraform", "kubernetes", "cloudformation", "--skip-download"] if holds else None),
        ]
        base = None
        for name, command in commands:
            if command is None or not shutil.which(command[0]):
                print(f"{repository.name:<28} {name:<10} {'left out: ' + ('nothing for it' if command is None else 'not installed')}")
                continue
            # What an earlier run remembered of files is forgotten: each run is cold.
            shutil.rmtree(CACHE, ignore_errors=True)
            wall, cpu, peak, code = run(command, cwd=tmp)
            base = cpu if name == "ligase" else base
            print(f"{repository.name:<28} {name:<10} {wall:>8.2f} {cpu:>8.2f} {peak:>9.0f} {code:>5}  {cpu / base:.2f}", flush=True)
    print("load after:", open("/proc/loadavg").read().split()[0])
    shutil.rmtree(tmp, ignore_errors=True)


if __name__ == "__main__":
    main()
