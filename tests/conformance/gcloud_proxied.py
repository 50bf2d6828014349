#!/usr/bin/env python3
"""gcloud, unchanged, with nothing set but the environment of `impersona emulator --proxy`: not one endpoint.

    gcloud_proxied.py PATH_TO_IMPERSONA

gcloud.py holds its commands to what the emulator has; here it has to get there. Where there is no gcloud, says so and
fails nothing.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import traceback
from concurrent.futures import ThreadPoolExecutor

import requests

from gcloud import AUDIENCE, CREATOR, DEPLOYER, PROJECT, RELAYS, VAULT, Checks, claims, run
from table import shown

CI = "serviceAccount:ci@acme-ci.iam.gserviceaccount.com"
EDITABLE = f"editable@{PROJECT}.iam.gserviceaccount.com"

JOBS = []


def job(compared):
    """One or more commands that need none of the other jobs: the name says what it proves."""

    def added(function):
        JOBS.append((function, compared))
        return function

    return added


class Shell:
    """Runs gcloud, each time with a folder of its own; asks the emulator at its own port."""

    def __init__(self, first, base_env, home):
        self.first, self.home = first, home
        self.base = first["endpoints"]["oauth2"]
        self.env = base_env | first["env"] | {
            "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
            "CLOUDSDK_CORE_DISABLE_FILE_LOGGING": "true",
            "CLOUDSDK_CORE_CHECK_GCE_METADATA": "false",
            "CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK": "true",
        }
        assert not [name for name in self.env if "ENDPOINT" in name or "TOKEN_HOST" in name], self.env

    def refused(self, *arguments, **env):
        """What it says when it fails."""
        code, _, err = self._run(arguments, env)
        assert code != 0, f"gcloud {' '.join(arguments)} succeeded"
        return err

    def said(self, *arguments, **env):
        code, out, err = self._run(arguments, env)
        assert code == 0, f"gcloud {' '.join(arguments)}: exit {code}: {err[-300:]}"
        return out.strip()

    def _run(self, arguments, env):
        config = env.pop("config", None) or tempfile.mkdtemp(dir=self.home)
        kept = {name: value for name, value in (self.env | env).items() if value is not None}
        return run(kept | {"CLOUDSDK_CONFIG": config}, "gcloud", *arguments)

    def file(self, wanted):
        """The file of the first caller that is like this."""
        return next(caller for caller in self.first["callers"] if wanted.items() <= caller.items())

    def holder(self, token):
        """The unique id of the account that a token is of, or the name of somebody of a pool."""
        info = requests.post(f"{self.base}tokeninfo", data={"access_token": token}).json()
        return info.get("azp") or requests.post(f"{self.base}v1/introspect", data={"token": token}).json()["username"]


@job("each service's own list")
def every_service_is_read(shell):
    def names(*command):
        return shell.said(*command, "--format=value(name)", "--limit=3").splitlines()

    assert len(names("iam", "service-accounts", "list")) == 3
    assert names("iam", "roles", "list", f"--project={PROJECT}")
    assert len(names("services", "list", "--enabled")) == 3
    assert len(names("projects", "list")) == 3


@job("the policy before and after")
def a_policy_is_changed(shell):
    def members():
        policy = json.loads(shell.said("iam", "service-accounts", "get-iam-policy", EDITABLE, "--format=json"))
        return [one for binding in policy.get("bindings", []) for one in binding["members"]]

    grant = (EDITABLE, "--member=user:carol@example.com", f"--role={CREATOR}", "--condition=None", "--format=none")
    shell.said("iam", "service-accounts", "add-iam-policy-binding", *grant)
    assert "user:carol@example.com" in members()
    shell.said("iam", "service-accounts", "remove-iam-policy-binding", *grant)
    assert "user:carol@example.com" not in members()


@job("tokeninfo's account and the claims, alone and through a chain")
def an_account_is_impersonated(shell):
    for email, chain in ((DEPLOYER, DEPLOYER), (VAULT, ",".join([*RELAYS, VAULT]))):
        flag = f"--impersonate-service-account={chain}"
        token = shell.said("auth", "print-access-token", flag)
        identity = claims(shell.said("auth", "print-identity-token", flag, f"--audiences={AUDIENCE}", "--include-email"))
        assert (identity["email"], identity["aud"], identity["sub"]) == (email, AUDIENCE, shell.holder(token)), identity


@job("Google's words")
def a_denial_is_said_as_google_says_it(shell):
    api = f"api@{PROJECT}.iam.gserviceaccount.com"
    said = shell.refused("auth", "print-access-token", f"--impersonate-service-account={api}")
    assert "PERMISSION_DENIED" in said and "iam.serviceAccounts.getAccessToken" in said, said


@job("tokeninfo's account and the claims")
def an_account_with_a_key_logs_in(shell):
    config = tempfile.mkdtemp(dir=shell.home)
    own = {"config": config, "CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE": None}
    shell.said("auth", "activate-service-account", "--key-file", shell.file({"principal": CI})["path"], **own)
    assert shell.said("auth", "print-access-token", **own).startswith("ya29.")
    identity = shell.said("auth", "print-identity-token", f"--audiences={AUDIENCE}", **own)
    assert f"serviceAccount:{claims(identity)['email']}" == CI, claims(identity)


@job("introspection's and tokeninfo's holder")
def files_of_every_type_are_read(shell):
    chain = shell.file({"kind": "impersonated_service_account"})["path"]
    vault = shell.said("iam", "service-accounts", "describe", VAULT, "--format=value(uniqueId)")
    assert shell.holder(shell.said("auth", "print-access-token", CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE=chain)) == vault
    token = shell.said("auth", "application-default", "print-access-token", GOOGLE_APPLICATION_CREDENTIALS=chain)
    assert shell.holder(token) == vault
    for end in ("-github-file.json", "-github-url.json", "-github-executable.json", "-aws.json"):
        caller = next(caller for caller in shell.first["callers"] if caller["path"].endswith(end))
        path = caller["path"]
        token = shell.said("auth", "print-access-token", CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE=path)
        assert shell.holder(token) == caller["principal"], path


def main(impersona):
    if shutil.which("gcloud") is None:
        said = "SKIPPED: there is no gcloud on this machine, and nothing was checked with it"
        print(said, file=sys.stderr)
        print(f"{said}\n0 passed, 0 failed")
        return 0
    checks = Checks()
    with tempfile.TemporaryDirectory() as home:
        base = {"PATH": os.environ["PATH"], "HOME": home, "LANG": "C.UTF-8"}
        with subprocess.Popen([impersona, "emulator", "--proxy"], env=base, stdout=subprocess.PIPE, text=True) as emulator:
            try:
                shell = Shell(json.loads(emulator.stdout.readline()), base, home)

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
    return shown(checks.rows)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
