#!/usr/bin/env python3
"""gcloud, unchanged, against `impersona emulator`: it reads what impersona wrote, and impersona reads what it wrote.

    gcloud.py PATH_TO_IMPERSONA

Prints a line a check and a last line `N passed, N failed`; where there is no gcloud, says so and fails nothing.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile

ACCOUNT = "editable@acme-prod.iam.gserviceaccount.com"
CREATOR = "roles/iam.serviceAccountTokenCreator"
CONDITION = 'expression=request.time < timestamp("2098-01-01T00:00:00Z"),title=until-2098,description=for a test'


class Checks:
    """Counts what held and what did not."""

    def __init__(self):
        self.passed = self.failed = 0

    def that(self, name, held, detail=""):
        self.passed, self.failed = self.passed + bool(held), self.failed + (not held)
        print(f"{'ok  ' if held else 'FAIL'} {name}{'' if held else ': ' + str(detail)[:400]}", flush=True)


def run(env, *command):
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout, done.stderr


def normalized(policy):
    """What a policy grants, in no order: spellings of the same state compare equal."""
    return sorted(
        (binding["role"], member, json.dumps(binding.get("condition"), sort_keys=True))
        for binding in policy.get("bindings", [])
        for member in binding["members"]
    )


def main(impersona):
    if shutil.which("gcloud") is None:
        print("skipped: there is no gcloud on this machine\n0 passed, 0 failed")
        return 0
    checks = Checks()
    with tempfile.TemporaryDirectory() as home:
        base = {"PATH": os.environ["PATH"], "HOME": home, "LANG": "C.UTF-8"}
        with subprocess.Popen([impersona, "emulator"], env=base, stdout=subprocess.PIPE, text=True) as emulator:
            try:
                first = json.loads(emulator.stdout.readline())
                env = base | first["env"] | {
                    "CLOUDSDK_CONFIG": os.path.join(home, "gcloud"),
                    "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
                    "CLOUDSDK_CORE_DISABLE_FILE_LOGGING": "true",
                    "CLOUDSDK_CORE_CHECK_GCE_METADATA": "false",
                    "CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK": "true",
                }
                both_ways(checks, env, impersona)
                chains(checks, env)
                leftovers(checks, env, home)
            finally:
                emulator.terminate()
    print(f"{checks.passed} passed, {checks.failed} failed")
    return 1 if checks.failed else 0


def both_ways(checks, env, impersona):
    def theirs():
        code, out, err = run(env, "gcloud", "iam", "service-accounts", "get-iam-policy", ACCOUNT, "--format=json")
        return json.loads(out) if code == 0 else {"error": err}

    def ours():
        code, out, err = run(env, impersona, "policy", "get", ACCOUNT, "--json")
        return json.loads(out) if code == 0 else {"error": err}

    def same(name):
        mine, gclouds = ours(), theirs()
        held = "error" not in mine and "error" not in gclouds and normalized(mine) == normalized(gclouds)
        checks.that(name, held and mine.get("etag"), (mine, gclouds))

    def gcloud(verb, member, *flags):
        command = ["gcloud", "iam", "service-accounts", verb, ACCOUNT, "--project=acme-prod"]
        return run(env, *command, f"--member={member}", f"--role={CREATOR}", "--format=none", *flags)

    same("both read the same policy")
    code, _, err = gcloud("add-iam-policy-binding", "user:alice@example.com", f"--condition={CONDITION}")
    checks.that("gcloud grants with a condition", code == 0, err)
    same("both read what gcloud wrote")
    written = [b for b in ours().get("bindings", []) if (b.get("condition") or {}).get("title") == "until-2098"]
    checks.that("impersona sees gcloud's condition", written and written[0]["members"] == ["user:alice@example.com"], written)
    grant = [impersona, "policy", "grant", ACCOUNT, "--member", "user:carol@example.com", "--role", CREATOR]
    code, out, err = run(env, *grant, "--expires", "1h", "--json")
    checks.that("impersona grants for an hour", code == 0, err)
    same("both read what impersona wrote")
    added = [c for c in json.loads(out or "{}").get("diff", []) if c["op"] in ("+", "add")]
    checks.that("impersona says what it wrote", len(added) == 1, out)
    code, _, err = gcloud("remove-iam-policy-binding", "user:carol@example.com", "--all")
    checks.that("gcloud takes away what impersona granted", code == 0, err)
    revoke = [impersona, "policy", "revoke", ACCOUNT, "--member", "user:alice@example.com", "--role", CREATOR]
    code, _, err = run(env, *revoke)
    checks.that("impersona takes away what gcloud granted", code == 0, err)
    same("both read the same policy afterwards")
    members = [member for _, member, _ in normalized(ours())]
    checks.that("nothing of either is left", not {"user:alice@example.com", "user:carol@example.com"} & set(members), members)


def chains(checks, env):
    chain = ",".join(f"{name}.iam.gserviceaccount.com" for name in ("relay-a@acme-ci", "relay-b@acme-ci", "vault@acme-prod"))
    code, out, err = run(env, "gcloud", "auth", "print-access-token", f"--impersonate-service-account={chain}")
    checks.that("gcloud mints through a chain", code == 0 and out.startswith("ya29."), err)


def leftovers(checks, env, home):
    tokens = []
    for folder, _, names in os.walk(os.path.join(home, "gcloud")):
        for name in names:
            with open(os.path.join(folder, name), "rb") as file:
                if b"ya29.c." in file.read() and not name.endswith(".db"):
                    tokens.append(name)
    checks.that("no minted token is in gcloud's logs", not tokens, tokens)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
