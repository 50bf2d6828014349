#!/usr/bin/env python3
"""gcloud, unchanged, against `impersona emulator`: it reads what impersona wrote, and impersona reads what it wrote.

    gcloud.py PATH_TO_IMPERSONA

Prints a line a check and a last line `N passed, N failed`; where there is no gcloud, says so and fails nothing.
"""

import base64
import fcntl
import json
import os
import pty
import re
import select
import shlex
import shutil
import struct
import subprocess
import sys
import tempfile
import termios
import time

ACCOUNT = "editable@acme-prod.iam.gserviceaccount.com"
DEPLOYER = "deployer@acme-prod.iam.gserviceaccount.com"
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
                copied(checks, env, impersona, home)
                login(checks, env, impersona, home, first["callers"])
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


# What is made: the keys that open its form, and what is typed into it.
FORMS = {
    "access token": (b"ta", b""),
    "ID token": (b"ti", b"https://svc.run.app"),
    "signed JWT": (b"tj", b""),
    "signed blob": (b"tb\t", b"hello"),
    "signed URL": (b"tu", b"acme-drop/report.csv"),
}


def copied_from_form(env, impersona, opened, typed):
    """What the explorer copies as the gcloud command of a form that was filled like this."""
    child, master = pty.fork()
    if child == 0:
        os.execve(impersona, [impersona, DEPLOYER], env)
    fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    got = b""

    def until(pattern):
        nonlocal got
        end = time.monotonic() + 20
        while not (found := re.search(pattern, got)) and time.monotonic() < end:
            if select.select([master], [], [], 0.2)[0]:
                got += os.read(master, 65536)
        return found

    try:
        until(rb"\x1b\[\?2004h")  # from here on keys are keys
        until(rb"Overview")
        os.write(master, opened + typed)
        # In a form letters are text: the palette opens the menu.
        os.write(master, b"\x10choose what to copy\rg")
        found = until(rb"\x1b\]52;c;([A-Za-z0-9+/=]+)\x1b")
        return base64.b64decode(found[1]).decode() if found else ""
    finally:
        os.write(master, b"\x03")
        os.close(master)
        os.waitpid(child, 0)


def copied(checks, env, impersona, home):
    """Each command as it is copied, run by a shell: it does what it says, and gcloud keeps nothing of it."""
    config = os.path.join(home, "gcloud-of-copies")
    ours = env | {"IMPERSONA_STATE_DIR": home, "TERM": "xterm-256color"}
    # gcloud's logs are on, as they are for everybody, and the command has to say where the services are.
    bare = {name: value for name, value in env.items() if "OVERRIDES" not in name and "FILE_LOGGING" not in name}
    bare["CLOUDSDK_CONFIG"] = config
    code, _, err = run(bare, "gcloud", "config", "set", "core/project", "acme-prod")
    logs = os.path.join(config, "logs")
    checks.that("gcloud keeps logs unless it is told not to", code == 0 and b"core/project" in everything(logs), err)
    secrets = []
    for name, (opened, typed) in FORMS.items():
        command = copied_from_form(ours, impersona, opened, typed)
        checks.that(f"the command for the {name} is copied", "gcloud " in command, command)
        if name == "signed URL":
            # It asks Cloud Storage, which is not here: its flags are at least gcloud's.
            _, out, err = run(bare, "gcloud", "storage", "sign-url", "--help")
            flags = set(re.findall(r" (--[a-z-]+)=", command)) - {"--impersonate-service-account"}
            checks.that("gcloud knows the flags for the signed URL", flags and all(flag in out for flag in flags), flags)
            continue
        code, out, err = run(bare, "sh", "-c", command)
        out = "".join(out.split())
        checks.that(f"the command for the {name} gives one", code == 0 and len(out) > 24, (command, err))
        checks.that(f"the {name} is what impersona makes", out and same(ours, impersona, name, command, out), out[:20])
        secret = out.rsplit(".", 1)[-1].encode()
        # As it is, and in base64 wherever it begins.
        secrets += [secret[-40:]] + [base64.b64encode(b"x" * n + secret)[-44:-4] for n in range(3)]
    # Our own call of gcloud: where nothing else is there, its login is the caller.
    run(bare, "gcloud", "config", "set", "core/account", "dev@example.com")
    login = {name: value for name, value in ours.items() if name != "GOOGLE_APPLICATION_CREDENTIALS"}
    login |= {"CLOUDSDK_CONFIG": config, "NO_GCE_CHECK": "true"}
    del login["CLOUDSDK_CORE_DISABLE_FILE_LOGGING"]
    _, who, err = run(login, impersona, "whoami")
    checks.that("impersona calls by gcloud's login", "gcloud" in who, (who, err))
    code, out, err = run(login, impersona, "token", "access", DEPLOYER)
    checks.that("and mints by it", code == 0 and out.startswith("ya29.c."), err)
    secrets.append(out.strip()[-40:].encode())
    checks.that("and gcloud logs nothing of its own token", b"ya29." not in everything(logs))
    text = everything(config)
    found = [secret for secret in secrets if secret in text]
    checks.that("no copied command leaves a credential in gcloud's folder", len(secrets) == 17 and not found, found)
    checks.that("nor any other token of an account", b"ya29.c." not in text)


def same(env, impersona, name, command, got):
    """Whether our command line makes the same: to the byte where a key signs, else by what is in it."""

    def ours(*arguments, given=""):
        command = [impersona, "token", *arguments]
        return subprocess.run(command, env=env, input=given, capture_output=True, text=True, timeout=60).stdout.strip()

    def claims(token):
        part = token.split(".")[1]
        found = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
        return {name: value for name, value in found.items() if name not in ("iat", "exp")}

    if name == "access token":
        return got.startswith("ya29.c.") and got != ours("access", DEPLOYER)
    if name == "ID token":
        return claims(got) == claims(ours("id", DEPLOYER, "--audience", "https://svc.run.app"))
    if name == "signed JWT":
        return got == ours("jwt", DEPLOYER, "--claims", "-", given=shlex.split(command)[2])
    return got == ours("blob", DEPLOYER, "-", given="hello")


def login(checks, env, impersona, home, callers):
    """The gcloud login as a caller: found, used, and nothing of its tokens left in gcloud's logs by us."""
    key = next(caller["path"] for caller in callers if caller["kind"] == "service_account")
    folder = os.path.join(home, "login")
    # What else says who calls, and where.
    named = ("GOOGLE_APPLICATION_CREDENTIALS", "CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE", "CLOUDSDK_CORE_ACCOUNT")
    named += ("CLOUDSDK_CORE_PROJECT", "GOOGLE_CLOUD_PROJECT", "GOOGLE_CLOUD_QUOTA_PROJECT")
    quiet = {name: value for name, value in env.items() if name not in named} | {"CLOUDSDK_CONFIG": folder}
    for command in [
        ("gcloud", "auth", "activate-service-account", "--key-file", key),
        ("gcloud", "config", "set", "project", "acme-ci"),
        ("gcloud", "config", "configurations", "create", "through", "--activate"),
        ("gcloud", "config", "set", "account", "ci@acme-ci.iam.gserviceaccount.com"),
        ("gcloud", "config", "configurations", "activate", "default"),
    ]:
        code, _, said = run(quiet, *command)
        if code:
            checks.that("gcloud logs in: " + " ".join(command), False, said)
            return
    # gcloud keeps logs now, unless somebody tells it not to.
    ours = {name: value for name, value in quiet.items() if name != "CLOUDSDK_CORE_DISABLE_FILE_LOGGING"}
    ours |= {"NO_GCE_CHECK": "true"}
    code, out, said = run(ours, impersona, "whoami", "--json")
    got = json.loads(out) if code == 0 else {}
    checks.that(
        "the gcloud login is the caller where there is no other",
        (got.get("principal"), got.get("source"), got.get("project"))
        == ("ci@acme-ci.iam.gserviceaccount.com", "gcloud login", "acme-ci"),
        said or out,
    )
    code, out, said = run(ours, impersona, "can", DEPLOYER, "--json")
    checks.that("its token is one that the services take", code == 0 and DEPLOYER in out, said or out)
    named = ours | {"CLOUDSDK_ACTIVE_CONFIG_NAME": "through"}
    code, out, said = run(named, impersona, "whoami", "--json")
    checks.that(
        "the configuration that the environment names is used",
        code == 0 and json.loads(out)["project"] is None,
        said or out,
    )
    # It does keep them for itself, in a database; and it does log tokens, where nobody tells it not to.
    logs = os.path.join(folder, "logs")
    checks.that("no log of gcloud holds a token after our use of it", b"ya29." not in everything(logs))
    code, token, _ = run(ours, "gcloud", "auth", "print-access-token", "--verbosity=debug")
    checks.that("which would be seen", token.strip().encode() in everything(logs))


def everything(folder):
    """All that is in a folder, databases included."""
    text = b""
    for place, _, names in os.walk(folder):
        for name in names:
            with open(os.path.join(place, name), "rb") as file:
                text += file.read()
    return text


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
