#!/usr/bin/env python3
"""gcloud, unchanged, against `impersona emulator`: it reads what impersona wrote, and impersona reads what it wrote.

    gcloud.py PATH_TO_IMPERSONA

Prints a line a check, then all as a table and a last line `N passed, N failed`; where there is no gcloud, says so and
fails nothing.
"""

import base64
import fcntl
import json
import os
import pty
import re
import select
import shutil
import struct
import subprocess
import sys
import tempfile
import termios
import time
import traceback
import urllib.request
from concurrent.futures import ThreadPoolExecutor

from api_client import accounts_of, world
from table import shown

ACCOUNT = "editable@acme-prod.iam.gserviceaccount.com"
DEPLOYER = "deployer@acme-prod.iam.gserviceaccount.com"
CREATOR = "roles/iam.serviceAccountTokenCreator"
CONDITION = 'expression=request.time < timestamp("2098-01-01T00:00:00Z"),title=until-2098,description=for a test'


class Checks:
    """Keeps what held and what did not, and what was compared to see it."""

    def __init__(self):
        self.rows, self.compared = [], ""

    def that(self, name, held, detail="", compared=None):
        self.rows.append((name, compared or self.compared, bool(held)))
        print(f"{'ok  ' if held else 'FAIL'} {name}{'' if held else ': ' + str(detail)[-900:]}", flush=True)


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
        said = "SKIPPED: there is no gcloud on this machine, and nothing was checked with it"
        print(said, file=sys.stderr)
        print(f"{said}\n0 passed, 0 failed")
        return 0
    checks = Checks()
    with tempfile.TemporaryDirectory() as home:
        base = {"PATH": os.environ["PATH"], "HOME": home, "LANG": "C.UTF-8"}
        with subprocess.Popen([impersona, "emulator"], env=base, stdout=subprocess.PIPE, text=True) as emulator:
            try:
                first = json.loads(emulator.stdout.readline())
                env = base | first["env"] | {
                    "GOOGLE_APPLICATION_CREDENTIALS": first["callers"][0]["path"],
                    "CLOUDSDK_CONFIG": os.path.join(home, "gcloud"),
                    "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
                    "CLOUDSDK_CORE_DISABLE_FILE_LOGGING": "true",
                    "CLOUDSDK_CORE_CHECK_GCE_METADATA": "false",
                    "CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK": "true",
                }
                checks.compared = "gcloud's reading and ours after each write of either"
                both_ways(checks, env, impersona)
                checks.compared = "the token's form"
                chains(checks, env)
                checks.compared = "what the copied command makes, and gcloud's whole folder"
                copied(checks, env, impersona, home)
                checks.compared = "whoami and gcloud's logs"
                login(checks, env, impersona, home, first["callers"])
                checks.compared = "gcloud's whole folder"
                leftovers(checks, env, home)
            finally:
                emulator.terminate()
        everything_else(checks, base, impersona, home)
    return shown(checks.rows)


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

    def types(keys):
        """Slower than a paste, which impersona takes for text."""
        for at in range(0, len(keys), 6):
            os.write(master, keys[at : at + 6])
            time.sleep(0.1)

    try:
        until(rb"\x1b\[\?2004h")  # from here on keys are keys
        until(rb"Overview")
        types(opened)
        types(typed)
        # In a form letters are text: the palette opens the menu.
        types(b"\x10choose what to copy\r")
        types(b"g")
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
        # What the shell hands to gcloud, however the command spells its line breaks.
        stub = subprocess.run(["sh", "-c", "gcloud() { cat; }\n" + command], capture_output=True, text=True, timeout=60)
        return got == ours("jwt", DEPLOYER, "--claims", "-", given=stub.stdout)
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


# The other commands, each compared with what the emulator holds: its world, its own HTTP, our command line.

PROJECT, DARK, ORGANIZATION = "acme-prod", "acme-dark", "123456789012"
VAULT = "vault@acme-prod.iam.gserviceaccount.com"
RELAYS = ["relay-a@acme-ci.iam.gserviceaccount.com", "relay-b@acme-ci.iam.gserviceaccount.com"]
AUDIENCE = "https://svc.run.app"
ON_ACCOUNT = f"//iam.googleapis.com/projects/{PROJECT}/serviceAccounts/{DEPLOYER}"
ON_PROJECT = f"//cloudresourcemanager.googleapis.com/projects/{PROJECT}"


class Shell:
    """Runs gcloud, each time with a folder of its own so that several may run at once, and impersona; asks the emulator."""

    def __init__(self, env, impersona, home, base):
        self.env, self.impersona, self.home, self.base = env, impersona, home, base
        self.made = world()
        self.bearer = self.gcloud("auth", "print-access-token", text=True).strip()

    def gcloud(self, *arguments, text=False):
        env = self.env | {"CLOUDSDK_CONFIG": tempfile.mkdtemp(dir=self.home)}
        form = () if text else ("--format=json",)
        code, out, err = run(env, "gcloud", *arguments, *form)
        assert code == 0, f"gcloud {' '.join(arguments)}: exit {code}: {err[-300:]}"
        return out if text else json.loads(out or "null")

    def ours(self, *arguments, given=None):
        done = subprocess.run(
            [self.impersona, *arguments], env=self.env, input=given, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, f"impersona {' '.join(arguments)}: exit {done.returncode}: {done.stderr[-300:]}"
        return done.stdout

    def held(self, path, body=None):
        """What the emulator says to a bare request."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"authorization": f"Bearer {self.bearer}", "content-type": "application/json"}
        request = urllib.request.Request(f"{self.base}{path}", data=data, headers=headers)
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.load(answer)

    def file(self, text):
        handle, path = tempfile.mkstemp(dir=self.home)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def policy(self, email):
        return json.loads(self.ours("policy", "get", email, "--json"))


JOBS = []


def job(compared):
    """One or more commands that need none of the other jobs: the name says what it proves."""

    def added(function):
        JOBS.append((function, compared))
        return function

    return added


def names(listed, field="name"):
    found = [one[field] for one in listed]
    assert len(found) == len(set(found)), "something is there twice"
    return set(found)


def equal(found, wanted):
    assert found == wanted, f"{str(found)[:300]} is not {str(wanted)[:300]}"


@job("the world's accounts, and impersona accounts")
def accounts_are_listed(shell):
    listed = names(shell.gcloud("iam", "service-accounts", "list", f"--project={PROJECT}"), "email")
    equal(listed, set(accounts_of(shell.made, PROJECT)))
    ours = shell.ours("accounts", "--project", PROJECT, "--json")
    assert all(email in ours for email in listed), "impersona has others"


@job("what the world states of it, and how many keys that are")
def an_account_and_its_keys_are_described(shell):
    project = next(one for one in shell.made["projects"] if one["id"] == PROJECT)
    stated = next(one for one in project["accounts"] if one["email"].split("@")[0] == DEPLOYER.split("@")[0])
    found = shell.gcloud("iam", "service-accounts", "describe", DEPLOYER)
    wanted = {"email": DEPLOYER, "projectId": PROJECT, "name": f"projects/{PROJECT}/serviceAccounts/{DEPLOYER}"}
    wanted |= {name: stated[name] for name in ("displayName", "description", "uniqueId") if name in stated}
    equal({name: found.get(name) for name in wanted}, wanted)
    equal(found["oauth2ClientId"], found["uniqueId"])
    keys = ("iam", "service-accounts", "keys", "list", f"--iam-account={DEPLOYER}")
    user, every = shell.gcloud(*keys, "--managed-by=user"), shell.gcloud(*keys, "--managed-by=any")
    equal(sorted(key["validAfterTime"] for key in user), sorted(key["created"] for key in stated["keys"]))
    equal(len(names(every) - names(user)), 1)


@job("impersona policy get, before and after")
def a_whole_policy_is_set(shell):
    email = f"reports@{PROJECT}.iam.gserviceaccount.com"
    before = shell.gcloud("iam", "service-accounts", "get-iam-policy", email)
    equal(normalized(before), normalized(shell.policy(email)))
    added = {"role": CREATOR, "members": ["user:carol@example.com"]}
    file = shell.file(json.dumps(before | {"bindings": [*before["bindings"], added]}))
    written = shell.gcloud("iam", "service-accounts", "set-iam-policy", email, file)
    after = shell.policy(email)
    equal(normalized(written), normalized(after))
    equal(set(normalized(after)) - set(normalized(before)), {(CREATOR, "user:carol@example.com", "null")})
    # The same file again stands under an etag that is over.
    try:
        shell.gcloud("iam", "service-accounts", "set-iam-policy", email, file)
    except AssertionError as refusal:
        assert "concurrent policy changes" in str(refusal), refusal
    else:
        raise AssertionError("an old etag was taken")


@job("impersona policy get after each command")
def a_binding_is_added_and_removed_without_and_with_a_condition(shell):
    email = f"vault@{PROJECT}.iam.gserviceaccount.com"
    before = normalized(shell.policy(email))
    for condition in ("None", CONDITION):
        for verb in ("add", "remove"):
            shell.gcloud(
                "iam", "service-accounts", f"{verb}-iam-policy-binding", email, f"--project={PROJECT}",
                "--member=user:carol@example.com", f"--role={CREATOR}", f"--condition={condition}",
            )
            gained = [one for one in normalized(shell.policy(email)) if one not in before]
            if verb == "remove":
                equal(normalized(shell.policy(email)), before)
            else:
                equal([one[:2] for one in gained], [(CREATOR, "user:carol@example.com")])
                assert ("until-2098" in gained[0][2]) == (condition != "None"), gained


def claims(token):
    part = token.strip().split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


@job("tokeninfo's account, alone and through a chain")
def access_tokens_are_printed(shell):
    for email, chain in ((DEPLOYER, DEPLOYER), (VAULT, ",".join([*RELAYS, VAULT]))):
        token = shell.gcloud("auth", "print-access-token", f"--impersonate-service-account={chain}", text=True).strip()
        account = shell.held(f"v1/projects/-/serviceAccounts/{email}")
        equal(shell.held(f"tokeninfo?access_token={token}")["azp"], account["uniqueId"])


@job("the claims and those of impersona token id, alone and through a chain")
def identity_tokens_are_printed(shell):
    for email, chain in ((DEPLOYER, DEPLOYER), (VAULT, ",".join([*RELAYS, VAULT]))):
        flags = (f"--impersonate-service-account={chain}", f"--audiences={AUDIENCE}", "--include-email")
        found = claims(shell.gcloud("auth", "print-identity-token", *flags, text=True))
        ours = claims(shell.ours("token", "id", email, "--audience", AUDIENCE))
        moving = ("iat", "exp")
        equal({k: v for k, v in found.items() if k not in moving}, {k: v for k, v in ours.items() if k not in moving})


@job("impersona token jwt and blob, to the byte; through a chain, too")
def jwts_and_blobs_are_signed(shell):
    payload = json.dumps({"sub": "x", "aud": AUDIENCE, "exp": int(time.time()) + 600})
    source, out = shell.file(payload), shell.file("")
    for email, flags in ((DEPLOYER, ()), (RELAYS[1], (f"--impersonate-service-account={RELAYS[0]}",))):
        where = (f"--iam-account={email}", *flags, source, out)
        shell.gcloud("iam", "service-accounts", "sign-jwt", *where, text=True)
        with open(out, encoding="utf-8") as file:
            equal(file.read().strip(), shell.ours("token", "jwt", email, "--claims", "-", given=payload).strip())
        shell.gcloud("iam", "service-accounts", "sign-blob", *where, text=True)
        with open(out, "rb") as file:
            signature = base64.b64encode(file.read()).decode()
        equal(signature, shell.ours("token", "blob", email, "-", given=payload).strip())


@job("the emulator's lists, in pages of gcloud's own")
def roles_are_listed_and_described(shell):
    equal(names(shell.gcloud("iam", "roles", "list")), names(shell.held("v1/roles?pageSize=1000")["roles"]))
    equal(shell.gcloud("iam", "roles", "describe", CREATOR), shell.held(f"v1/{CREATOR}"))
    for flag, parent, role in (
        (f"--project={PROJECT}", f"projects/{PROJECT}", "signer"),
        (f"--organization={ORGANIZATION}", f"organizations/{ORGANIZATION}", "tokenAuditor"),
    ):
        equal(names(shell.gcloud("iam", "roles", "list", flag)), names(shell.held(f"v1/{parent}/roles")["roles"]))
        equal(shell.gcloud("iam", "roles", "describe", role, flag), shell.held(f"v1/{parent}/roles/{role}"))


@job("the emulator's lists, in pages of gcloud's own")
def what_a_resource_takes_is_listed(shell):
    for full in (ON_ACCOUNT, ON_PROJECT):
        roles = shell.held("v1/roles:queryGrantableRoles", {"fullResourceName": full, "pageSize": 3000})
        equal(names(shell.gcloud("iam", "list-grantable-roles", full)), names(roles["roles"]))
    body = {"fullResourceName": ON_PROJECT, "pageSize": 1000}
    testable = shell.held("v1/permissions:queryTestablePermissions", body)["permissions"]
    equal(names(shell.gcloud("iam", "list-testable-permissions", ON_PROJECT)), names(testable))


@job("the emulator's word on a good condition and on a bad one")
def a_condition_is_linted(shell):
    lint = ("alpha", "iam", "policies", "lint-condition", "--title=t")
    good = 'request.time < timestamp("2098-01-01T00:00:00Z")'
    equal(shell.gcloud(*lint, f"--expression={good}"), {})
    (found,) = shell.gcloud(*lint, "--expression=request.time <")["lintResults"]
    (held,) = shell.held("v1/iamPolicies:lintPolicy", {"condition": {"expression": "request.time <"}})["lintResults"]
    equal((found["severity"], found["debugMessage"]), (held["severity"], held["debugMessage"]))


@job("the emulator's states before and after; gcloud waits for the operation")
def services_are_listed_and_enabled(shell):
    def on():
        found = shell.held(f"v1/projects/{DARK}/services?pageSize=200&filter=state:ENABLED")["services"]
        return {one["config"]["name"] for one in found}

    def listed():
        found = shell.gcloud("services", "list", "--enabled", f"--project={DARK}")
        return {one["config"]["name"] for one in found}

    api = "iamcredentials.googleapis.com"
    assert api not in on() and listed() == on(), "before"
    shell.gcloud("services", "enable", api, f"--project={DARK}", text=True)
    assert api in on() and listed() == on(), "after"


@job("the emulator's projects and policies, level by level")
def projects_and_their_ancestors_are_described(shell):
    held = shell.held("v1/projects?pageSize=500")["projects"]
    equal(names(shell.gcloud("projects", "list"), "projectId"), names(held, "projectId"))
    equal(shell.gcloud("projects", "describe", PROJECT), shell.held(f"v1/projects/{PROJECT}"))
    three = {"options": {"requestedPolicyVersion": 3}}
    policy = shell.held(f"v1/projects/{PROJECT}:getIamPolicy", three)
    found = shell.gcloud("projects", "get-iam-policy", PROJECT)
    equal((found["version"], normalized(found)), (policy["version"], normalized(policy)))
    above = [one["resourceId"] for one in shell.held(f"v1/projects/{PROJECT}:getAncestry", {})["ancestor"]]
    equal([(one["type"], one["id"]) for one in shell.gcloud("projects", "get-ancestors", PROJECT)],
          [(one["type"], one["id"]) for one in above])
    for found, level in zip(shell.gcloud("projects", "get-ancestors-iam-policy", PROJECT), above, strict=True):
        version = "v2" if level["type"] == "folder" else "v1"
        wanted = shell.held(f"{version}/{level['type']}s/{level['id']}:getIamPolicy", three)
        equal((found["type"], found["id"], normalized(found["policy"])),
              (level["type"], level["id"], normalized(wanted)))


@job("granted or not as the world has it, and version 1's word")
def an_access_is_troubleshot(shell):
    for permission, granted in (("iam.serviceAccounts.getAccessToken", True), ("iam.serviceAccounts.delete", False)):
        flags = ("--principal-email=dev@example.com", f"--permission={permission}")
        found = shell.gcloud("policy-troubleshoot", "iam", ON_ACCOUNT, *flags)
        assert (found["access"] == "GRANTED") == granted, found["access"]
        body = {"accessTuple": {"principal": "dev@example.com", "permission": permission,
                                "fullResourceName": ON_ACCOUNT}}
        equal(found["access"], shell.held("v1/iam:troubleshoot", body)["access"])


@job("the world's accounts, and the emulator's results in one page")
def assets_are_searched(shell):
    scope = ("asset", "search-all-resources", f"--scope=organizations/{ORGANIZATION}")
    found = shell.gcloud(*scope, "--asset-types=iam.googleapis.com/ServiceAccount")
    emails = {email for one in shell.made["projects"] for email in accounts_of(shell.made, one["id"])}
    equal({one["additionalAttributes"]["email"] for one in found}, emails)
    equal(len(found), len(emails))
    scope = ("asset", "search-all-iam-policies", f"--scope=projects/{PROJECT}")
    member = RELAYS[1]
    held = shell.held(f"v1/projects/{PROJECT}:searchAllIamPolicies?pageSize=500&query=policy:{member}")["results"]
    found = shell.gcloud(*scope, f"--query=policy:{member}", "--page-size=1")
    # Other jobs change policies meanwhile, but none of this member.
    equal(names(found, "resource"), names(held, "resource"))
    query = f"policy:({member} OR {RELAYS[0]}) -memberTypes:user"
    kinds = "--asset-types=iam.googleapis.com/ServiceAccount,.*Project"
    found = shell.gcloud(*scope, f"--query={query}", kinds, "--order-by=resource DESC", "--page-size=2")
    resources = [one["resource"] for one in found]
    equal(resources, sorted(resources, reverse=True))
    assert resources and all(RELAYS[0] in str(one) or member in str(one) for one in found), found
    folder = ("asset", "search-all-resources", f"--scope=organizations/{ORGANIZATION}", "--asset-types=.*Folder")
    for one in shell.gcloud(*folder, "--read-mask=name,versionedResources", "--order-by=displayName"):
        equal(one["versionedResources"][0]["resource"]["name"], one["name"].partition(".com/")[2])


NEWCOMER = "newcomer@acme-prod.iam.gserviceaccount.com"


@job("the account that the emulator holds after each command, and impersona's mint for it")
def an_account_is_made_changed_deleted_and_brought_back(shell):
    accounts = ("iam", "service-accounts")
    here = f"--project={PROJECT}"

    def held():
        return shell.held(f"v1/projects/-/serviceAccounts/{NEWCOMER}")

    shell.gcloud(*accounts, "create", "newcomer", here, "--display-name=New", "--description=for a test")
    made = held()
    equal((made["displayName"], made["description"]), ("New", "for a test"))
    shell.gcloud(*accounts, "update", NEWCOMER, here, "--display-name=Newer")
    equal(held(), made | {"displayName": "Newer"})
    grant = ("--member=user:owner@example.com", f"--role={CREATOR}", "--condition=None", here)
    shell.gcloud(*accounts, "add-iam-policy-binding", NEWCOMER, *grant)
    assert shell.ours("token", "access", NEWCOMER).startswith("ya29.c."), "no mint"
    shell.gcloud(*accounts, "disable", NEWCOMER, here)
    equal(held()["disabled"], True)
    code, _, said = run(shell.env, shell.impersona, "token", "access", NEWCOMER)
    assert code != 0 and "disabled" in said, said
    shell.gcloud(*accounts, "enable", NEWCOMER, here)
    shell.gcloud(*accounts, "delete", NEWCOMER)
    code, _, said = run(shell.env, shell.impersona, "token", "access", NEWCOMER)
    assert code != 0, said
    back = shell.gcloud(*accounts, "undelete", made["uniqueId"])
    equal(back["restoredAccount"], held())
    assert shell.ours("token", "access", NEWCOMER).startswith("ya29.c."), "no mint afterwards"


@job("gcloud's own login with the file that was made, and the emulator's list")
def a_key_is_made_logs_in_and_is_deleted(shell):
    keys, of = ("iam", "service-accounts", "keys"), f"--iam-account=reports@{PROJECT}.iam.gserviceaccount.com"
    path = os.path.join(tempfile.mkdtemp(dir=shell.home), "key.json")
    shell.gcloud(*keys, "create", path, of, text=True)
    with open(path, encoding="utf-8") as file:
        made = json.load(file)["private_key_id"]

    def logs_in():
        env = shell.env | {"CLOUDSDK_CONFIG": tempfile.mkdtemp(dir=shell.home)}
        env["CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE"] = path
        code, out, err = run(env, "gcloud", "auth", "print-access-token")
        assert code == 0 or "Invalid JWT Signature" in err, err
        return code == 0 and out.startswith("ya29.c.")

    assert logs_in(), "the file does not log in"
    shell.gcloud(*keys, "disable", made, of, text=True)
    assert not logs_in(), "a disabled key logs in"
    shell.gcloud(*keys, "enable", made, of, text=True)
    assert logs_in(), "an enabled key does not log in"
    shell.gcloud(*keys, "delete", made, of, text=True)
    assert not logs_in(), "a deleted key logs in"


@job("the emulator's own HTTP, one by one")
def pools_and_their_providers_are_listed_and_described(shell):
    where = ("--location=global", "--project=acme-ci")
    held = shell.held("v1/projects/acme-ci/locations/global/workloadIdentityPools")["workloadIdentityPools"]
    equal(shell.gcloud("iam", "workload-identity-pools", "list", *where), held)
    equal(shell.gcloud("iam", "workload-identity-pools", "describe", "ci-pool", *where), held[0])
    providers = ("iam", "workload-identity-pools", "providers")
    held = shell.held("v1/projects/acme-ci/locations/global/workloadIdentityPools/ci-pool/providers")
    held = held["workloadIdentityPoolProviders"]
    pool = ("--workload-identity-pool=ci-pool", *where)
    equal(shell.gcloud(*providers, "list", *pool), held)
    equal(shell.gcloud(*providers, "describe", "github", *pool), held[0])
    held = shell.held(f"v1/locations/global/workforcePools?parent=organizations/{ORGANIZATION}")["workforcePools"]
    equal(shell.gcloud("iam", "workforce-pools", "list", "--location=global", f"--organization={ORGANIZATION}"), held)
    held = shell.held("v1/locations/global/workforcePools/staff/providers")["workforcePoolProviders"]
    workforce = ("--workforce-pool=staff", "--location=global")
    equal(shell.gcloud("iam", "workforce-pools", "providers", "list", *workforce), held)


@job("the world's rules")
def deny_policies_are_listed_and_got(shell):
    project = next(one for one in shell.made["projects"] if one.get("denyPolicies"))
    at = f"--attachment-point=cloudresourcemanager.googleapis.com/projects/{project['id']}"
    (listed,) = shell.gcloud("iam", "policies", "list", "--kind=denypolicies", at)["policies"]
    (stated,) = project["denyPolicies"]
    equal(listed["name"].rpartition("/")[2], stated["id"])
    got = shell.gcloud("iam", "policies", "get", stated["id"], "--kind=denypolicies", at)
    equal([rule["denyRule"] for rule in got["rules"]], stated["rules"])


@job("the emulator's own answer, and the world's accounts")
def access_and_activity_are_analyzed(shell):
    who, permission = "user:dev@example.com", "iam.serviceAccounts.getAccessToken"
    flags = (f"--organization={ORGANIZATION}", f"--identity={who}", f"--permissions={permission}", "--expand-resources")
    found = shell.gcloud("asset", "analyze-iam-policy", *flags, "--show-response")["mainAnalysis"]["analysisResults"]
    query = (
        f"analysisQuery.identitySelector.identity={who}&analysisQuery.accessSelector.permissions={permission}"
        "&analysisQuery.options.expandResources=true"
    )
    held = shell.held(f"v1/organizations/{ORGANIZATION}:analyzeIamPolicy?{query}")["mainAnalysis"]["analysisResults"]
    where = "attachedResourceFullName"
    equal({one[where] for one in found}, {one[where] for one in held})
    assert found, "nothing was found"
    kind = "--activity-type=serviceAccountLastAuthentication"
    activities = shell.gcloud("policy-intelligence", "query-activity", kind, "--project=acme-ci", "--limit=1000")
    told = {one["fullResourceName"].rpartition("/")[2] for one in activities}
    equal(told, set(accounts_of(shell.made, "acme-ci")))


@job("the method's name in what gcloud prints; it asks again and again first")
def a_method_that_is_not_served_is_named(shell):
    env = shell.env | {"CLOUDSDK_CONFIG": tempfile.mkdtemp(dir=shell.home)}
    code, _, said = run(env, "gcloud", "iam", "roles", "delete", "signer", f"--project={PROJECT}")
    assert code != 0 and "iam.projects.roles.delete" in said, said


def everything_else(checks, base_env, impersona, home):
    """The jobs, two at a time, against an emulator of their own in which the caller may do everything."""
    path = os.path.join(home, "world.json")
    with open(path, "w", encoding="utf-8") as file:
        json.dump(world(), file)
    command = [impersona, "emulator", "--world", path]
    with subprocess.Popen(command, env=base_env, stdout=subprocess.PIPE, text=True) as emulator:
        try:
            first = json.loads(emulator.stdout.readline())
            env = base_env | first["env"] | {
                "GOOGLE_APPLICATION_CREDENTIALS": first["callers"][0]["path"],
                "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
                "CLOUDSDK_CORE_DISABLE_FILE_LOGGING": "true",
                "CLOUDSDK_CORE_CHECK_GCE_METADATA": "false",
                "CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK": "true",
            }
            shell = Shell(env, impersona, home, first["endpoints"]["iam"])

            def tried(one):
                try:
                    one(shell)
                    return None
                except Exception:
                    return traceback.format_exc(limit=-2)

            with ThreadPoolExecutor(3) as pool:
                outcomes = pool.map(tried, [one for one, _ in JOBS])
                for (one, compared), problem in zip(JOBS, outcomes):
                    checks.that(one.__name__.replace("_", " "), problem is None, problem, compared)
        finally:
            emulator.terminate()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
