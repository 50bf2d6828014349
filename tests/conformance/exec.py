"""Google's own clients, unchanged, as commands of `impersona exec`: google-auth, its libraries for Node, and gcloud find
the account's credentials by themselves, and no others.

    python exec.py PATH-OF-IMPERSONA FOLDER-WITH-NODE_MODULES

The person's own credentials lie where each client would find them first, and lead nowhere. rust/ has the same for
Google's library for Rust.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import traceback

import requests

from google_auth import API, AUDIENCE, CLOUD, DEPLOYER, DRIVE, RELAYS, VAULT
from table import shown

EDITABLE = "editable@acme-prod.iam.gserviceaccount.com"
READ = "https://www.googleapis.com/auth/devstorage.read_only"

CHECKS = []

PYTHON_TOKEN = f"""
import google.auth
from google.auth.transport.requests import Request
credentials, project = google.auth.default(scopes={CLOUD!r})
credentials.refresh(Request())
first = credentials.token
credentials.refresh(Request())
same = first == credentials.token
print(type(credentials).__module__, project, credentials.service_account_email, same, credentials.token)
"""

PYTHON_METADATA = PYTHON_TOKEN.replace(
    "import google.auth\n", "import os\nos.environ.pop('GOOGLE_APPLICATION_CREDENTIALS')\nimport google.auth\n", 1
)

PYTHON_ID = f"""
from google.auth.transport.requests import Request
from google.oauth2 import id_token
print(id_token.fetch_id_token(Request(), {AUDIENCE!r}))
"""

NODE = """
import { createRequire } from 'node:module';
const load = createRequire(process.argv[1] + '/');
const [, , work, library, scope] = process.argv;
const { GoogleAuth } = load(library);
if (work !== 'file') delete process.env.GOOGLE_APPLICATION_CREDENTIALS;
if (work === 'metadata-only') {
  const metadata = load('gcp-metadata');
  console.log(JSON.stringify([await metadata.isAvailable(), await metadata.project('project-id'),
    await metadata.instance('service-accounts/default/email')]));
} else if (work === 'id') {
  const client = await new GoogleAuth().getIdTokenClient('https://svc.run.app');
  console.log(await client.idTokenProvider.fetchIdToken('https://svc.run.app'));
} else {
  const auth = new GoogleAuth({ scopes: [scope] });
  const client = await auth.getClient();
  console.log(client.constructor.name, await auth.getProjectId(), (await client.getAccessToken()).token);
}
"""


def check(needs, compared):
    """A check: its name says what it proves, `needs` with what program, `compared` by what."""

    def added(function):
        CHECKS.append((function, needs, compared))
        return function

    return added


class World:
    """An emulator, and a home with credentials of a person that lead nowhere."""

    def __init__(self, impersona, modules):
        self.impersona, self.modules = os.path.abspath(impersona), os.path.abspath(modules)
        self.folder = tempfile.TemporaryDirectory()
        home = self.home = self.folder.name
        self.base = {"PATH": os.environ["PATH"], "HOME": home, "TMPDIR": home, "LANG": "C.UTF-8"}
        self.process = subprocess.Popen(
            [self.impersona, "emulator", "--control"], env=self.base, stdout=subprocess.PIPE, text=True
        )
        first = self.first = json.loads(self.process.stdout.readline())
        self.url = f"http://127.0.0.1:{first['port']}"
        own = os.path.join(home, ".config", "gcloud")
        os.makedirs(own)
        with open(os.path.join(own, "application_default_credentials.json"), "w", encoding="utf-8") as file:
            person = {"client_id": "x", "client_secret": "x", "refresh_token": "1//nobody", "type": "authorized_user"}
            json.dump(person, file)
        self.env = self.base | first["env"] | {
            "GOOGLE_APPLICATION_CREDENTIALS": first["callers"][0]["path"],
            "CLOUDSDK_CORE_ACCOUNT": "person@example.com",
            "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
            "CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK": "true",
            "GOOGLE_OAUTH_ACCESS_TOKEN": "ya29.nobody",
            # What is not for this machine ends here.
            "HTTP_PROXY": "http://127.0.0.1:9",
            "HTTPS_PROXY": "http://127.0.0.1:9",
            "NO_GCE_CHECK": "true",
        }

    def run(self, flags, *command):
        """A command as an account, which must end well; gives stdout."""
        code, out, err = self.end(flags, *command)
        assert code == 0, (code, out[-500:], err[-2_000:])
        return out

    def end(self, flags, *command):
        """How a command as an account ends: its exit code, stdout and stderr."""
        words = [self.impersona, "exec", *flags, "--", *command]
        done = subprocess.run(words, env=self.env, capture_output=True, text=True, timeout=120, check=False)
        return done.returncode, done.stdout.strip(), done.stderr

    def python(self, flags, script):
        return self.run(flags, sys.executable, "-c", script)

    def node(self, flags, *arguments):
        return self.run(flags, "node", "--input-type=module", "--eval", NODE, self.modules, *arguments)

    def account(self, token):
        """Whose an access token is, and its scopes."""
        info = requests.post(f"{self.url}/tokeninfo", data={"access_token": token}).json()
        name = f"{self.url}/v1/projects/-/serviceAccounts/{info['azp']}"
        found = requests.get(name, headers={"Authorization": f"Bearer {self.callers_token()}"}).json()
        return found["email"], info["scope"].split()

    def callers_token(self):
        with open(self.first["callers"][0]["path"], encoding="utf-8") as file:
            login = json.load(file)
        form = {name: login[name] for name in ("client_id", "client_secret", "refresh_token")}
        form["grant_type"] = "refresh_token"
        return requests.post(f"{self.url}/token", data=form).json()["access_token"]

    def verified(self, token, audience=AUDIENCE):
        """The claims of an ID token, once google-auth has believed it by the emulator's keys."""
        from google.auth import jwt

        certs = requests.get(f"{self.url}/oauth2/v1/certs").json()
        return jwt.decode(token, certs=certs, audience=audience)

    def mints(self):
        served = requests.get(f"{self.url}/_emulator/requests").json()["requests"]
        return sum(one["method"] == "iamcredentials.generateAccessToken" for one in served)

    def close(self):
        self.process.terminate()
        self.process.wait(timeout=20)
        self.folder.cleanup()


@check("python", "the token's account")
def google_auth_takes_the_file(world):
    module, project, email, _, token = world.python([DEPLOYER], PYTHON_TOKEN).split()
    assert (module, project, email) == ("google.auth.identity_pool", "acme-prod", DEPLOYER), (module, project, email)
    assert world.account(token) == (DEPLOYER, CLOUD)


@check("python", "the token's account")
def google_auth_takes_the_metadata_server_without_the_file(world):
    module, project, email, same, token = world.python([DEPLOYER], PYTHON_METADATA).split()
    assert (module, project) == ("google.auth.compute_engine.credentials", "acme-prod"), (module, project)
    assert (email, same) == (DEPLOYER, "True")
    assert world.account(token) == (DEPLOYER, CLOUD)


@check("python", "the tokens")
def a_token_is_renewed_while_the_command_runs(world):
    script = PYTHON_METADATA.replace("first = credentials.token", "first = credentials.token; import time; time.sleep(3)")
    flags = [DEPLOYER, "--lifetime", "4s"]
    assert world.python(flags, script).split()[-2] == "False"
    assert world.python([DEPLOYER], script).split()[-2] == "True"


@check("python", "the claims by the published keys")
def google_auth_gets_an_id_token(world):
    claims = world.verified(world.python([DEPLOYER], PYTHON_ID))
    assert claims["email"] == DEPLOYER and claims["email_verified"], claims


@check("python", "the token's scopes")
def scopes_are_those_requested_or_those_fixed(world):
    script = PYTHON_METADATA.replace(repr(CLOUD), repr(DRIVE))
    assert world.account(world.python([DEPLOYER], script).split()[-1])[1] == DRIVE
    assert world.account(world.python([DEPLOYER, "--scope", READ], script).split()[-1])[1] == [READ]
    file = PYTHON_TOKEN.replace(repr(CLOUD), repr(DRIVE))
    assert world.account(world.python([DEPLOYER, "--scope", READ], file).split()[-1])[1] == [READ]


@check("python", "the token's account")
def a_chain_of_three_reaches_its_end(world):
    flags = [VAULT, "--delegate", RELAYS[0], "--delegate", RELAYS[1]]
    assert world.account(world.python(flags, PYTHON_METADATA).split()[-1])[0] == VAULT
    assert world.account(world.python(flags, PYTHON_TOKEN).split()[-1])[0] == VAULT


@check("python", "the library's error and our stderr")
def a_denial_is_the_library_s_own_error_and_said(world):
    for script in (PYTHON_TOKEN, PYTHON_METADATA):
        code, _, err = world.end([EDITABLE], sys.executable, "-c", script)
        assert code == 1 and "google.auth.exceptions.RefreshError" in err, err[-2_000:]
        assert "iam.serviceAccounts.getAccessToken" in err and "impersona: no access token" in err, err[-2_000:]


@check("node", "the token's account")
def node_takes_the_file_and_the_metadata_server(world):
    for library in ("google-auth-library", "google-auth-library-11"):
        for work, name in (("file", "IdentityPoolClient"), ("metadata", "Compute")):
            client, project, token = world.node([DEPLOYER], work, library, CLOUD[0]).split()
            assert (client, project) == (name, "acme-prod"), (client, project)
            assert world.account(token) == (DEPLOYER, CLOUD)


@check("node", "the token's scopes")
def node_gets_the_scopes_that_it_requests(world):
    token = world.node([DEPLOYER], "metadata", "google-auth-library", READ).split()[-1]
    assert world.account(token) == (DEPLOYER, [READ])


@check("node", "the claims by the published keys")
def node_gets_an_id_token(world):
    for library in ("google-auth-library", "google-auth-library-11"):
        assert world.verified(world.node([DEPLOYER], "id", library))["email"] == DEPLOYER


@check("node", "its answers")
def gcp_metadata_finds_the_server(world):
    found = json.loads(world.node([DEPLOYER], "metadata-only", "google-auth-library"))
    assert found == [True, "acme-prod", DEPLOYER], found


@check("gcloud", "the token's account")
def gcloud_prints_the_account_s_token(world):
    token = world.run([DEPLOYER], "gcloud", "auth", "print-access-token")
    assert world.account(token)[0] == DEPLOYER


@check("gcloud", "the token's account and the ID token's claims")
def gcloud_s_helper_for_others_has_both_tokens(world):
    helper = json.loads(world.run([DEPLOYER], "gcloud", "config", "config-helper", "--format=json"))
    assert world.account(helper["credential"]["access_token"])[0] == DEPLOYER
    assert helper["configuration"]["properties"]["core"]["project"] == "acme-prod", helper


@check("gcloud", "the list")
def gcloud_lists_as_the_account(world):
    command = ["gcloud", "iam", "service-accounts", "list", "--format=value(email)", "--project=acme-prod"]
    code, out, err = world.end([DEPLOYER], *command)
    # It isn't allowed to, and the answer says who asked.
    assert code == 1 and f"authenticated as {DEPLOYER}" in err and "iam.serviceAccounts.list" in err, (out, err[-2_000:])


@check("gcloud", "the token's account")
def gcloud_gets_a_token_where_id_tokens_are_denied(world):
    fault = {"method": "iamcredentials.generateIdToken", "error": "PERMISSION_DENIED"}
    requests.post(f"{world.url}/_emulator/faults", json=fault).raise_for_status()
    try:
        token = world.run([DEPLOYER], "gcloud", "auth", "print-access-token")
    finally:
        requests.delete(f"{world.url}/_emulator/faults").raise_for_status()
    assert world.account(token)[0] == DEPLOYER


@check("gcloud", "gcloud's error and our stderr")
def a_denial_ends_gcloud_with_its_own_error(world):
    code, _, err = world.end([API], "gcloud", "auth", "print-access-token")
    assert code != 0 and "ERROR: (gcloud.auth.print-access-token)" in err, err[-2_000:]
    assert f"impersona: no access token (cloud-platform) for {API}" in err, err[-2_000:]


@check("gcloud", "the home and the folder for temporary files")
def nothing_of_gcloud_s_is_left(world):
    world.run([DEPLOYER], "gcloud", "auth", "print-access-token")
    own = os.listdir(os.path.join(world.home, ".config", "gcloud"))
    assert own == ["application_default_credentials.json"], own


@check("python", "the emulator's log")
def what_never_asks_costs_no_mint(world):
    before = world.mints()
    world.run([DEPLOYER], "true")
    assert world.mints() == before


def main(impersona, modules):
    world, rows = World(impersona, modules), []
    available = {"python": True, "gcloud": shutil.which("gcloud")}
    available["node"] = shutil.which("node") and os.path.isdir(os.path.join(modules, "node_modules"))
    try:
        for one, needs, compared in CHECKS:
            name = one.__name__.replace("_", " ")
            if not available[needs]:
                print(f"SKIPPED: there is no {needs} on this machine: {name}", file=sys.stderr)
                continue
            try:
                one(world)
                rows.append((name, compared, True))
            except Exception:
                traceback.print_exc()
                rows.append((name, compared, False))
    finally:
        world.close()
    return shown(rows)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: exec.py PATH-OF-IMPERSONA FOLDER-WITH-NODE_MODULES")
    sys.exit(main(*sys.argv[1:]))
