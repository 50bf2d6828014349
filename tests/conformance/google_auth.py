"""Google's own Python client, unchanged, against `impersona emulator`: what works at Google must work here, and what
Google refuses must be refused in a form that the client understands.

    python google_auth.py PATH-OF-IMPERSONA

The emulator is the proxy of this process, and not one address is set: the library asks Google's own hosts. The first
checks are about an emulator that is none, which the library reaches where it has a setting or a file names an address.
"""

import base64
import contextlib
import datetime
import importlib
import json
import os
import subprocess
import sys
import tempfile
import traceback
from urllib.parse import quote

import google.auth
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from google.auth import compute_engine, downscoped, exceptions, impersonated_credentials
from google.auth.compute_engine import _metadata
from google.auth.transport.requests import AuthorizedSession, Request
from google.oauth2 import id_token, service_account

from table import shown

CLOUD = ["https://www.googleapis.com/auth/cloud-platform"]
AUDIENCE = "https://svc.run.app"
DEPLOYER = "deployer@acme-prod.iam.gserviceaccount.com"
DRIVE = ["https://www.googleapis.com/auth/drive.readonly"]
VAULT = "vault@acme-prod.iam.gserviceaccount.com"
API = "api@acme-prod.iam.gserviceaccount.com"
POOL = "//iam.googleapis.com/projects/415104041264/locations/global/workloadIdentityPools/ci-pool"
RUNNER = f"principal:{POOL}/subject/repo:acme/app:ref:refs/heads/main"
ROLE = f"principal:{POOL}/subject/arn:aws:sts::123456789012:assumed-role/ci-runner/i-0abc1234def567890"
WENDY = "principal://iam.googleapis.com/locations/global/workforcePools/staff/subject/wendy@partner.example"
RELAYS = ["relay-a@acme-ci.iam.gserviceaccount.com", "relay-b@acme-ci.iam.gserviceaccount.com"]

CHECKS = []


def check(function):
    """A check: its first line of documentation says what it proves."""
    CHECKS.append(function)
    return function


class Emulator:
    """`impersona emulator` as a process, in a home of its own."""

    def __init__(self, binary, *options):
        self.binary = os.path.abspath(binary)
        self.home = tempfile.TemporaryDirectory()
        self.process = subprocess.Popen(
            [self.binary, "emulator", *options],
            env={"HOME": self.home.name, "TMPDIR": self.home.name, "PATH": os.environ.get("PATH", "")},
            stdout=subprocess.PIPE,
            text=True,
        )
        self.first = json.loads(self.process.stdout.readline())
        self.base = self.first["endpoints"]["iamcredentials"].rstrip("/")

    def caller(self, principal):
        """The credentials file of somebody."""
        return next(caller["path"] for caller in self.first["callers"] if caller["principal"] == principal)

    def callers(self, kind):
        """All callers whose file is of a kind."""
        return [caller for caller in self.first["callers"] if caller["kind"] == kind]

    def username(self, token):
        """Who holds a federated token."""
        return requests.post(f"{self.base}/v1/introspect", data={"token": token}).json().get("username")

    def info(self, token):
        """What tokeninfo says of an access token."""
        return requests.post(f"{self.base}/tokeninfo", data={"access_token": token}).json()

    def close(self):
        self.process.terminate()
        self.process.wait(timeout=20)
        self.home.cleanup()


def stay_here():
    """Connections to other machines are refused, whoever wants them."""

    def held(event, arguments):
        if event == "socket.connect" and arguments[1][0] not in ("127.0.0.1", "::1"):
            raise AssertionError(f"{arguments[1]} is not this machine")

    sys.addaudithook(held)


@contextlib.contextmanager
def without_proxy(emulator):
    """A second emulator, which is no proxy."""
    plain = Emulator(emulator.binary)
    try:
        yield plain
    finally:
        plain.close()


def user(emulator):
    """The default caller, found as every program of Google's finds it."""
    os.environ["GOOGLE_APPLICATION_CREDENTIALS"] = emulator.caller("user:dev@example.com")
    return google.auth.default(scopes=CLOUD)[0]


@contextlib.contextmanager
def on_the_machine(emulator):
    """As on the emulator's machine of Compute Engine: no file anywhere, and a metadata server."""
    before = dict(os.environ)
    os.environ.pop("GOOGLE_APPLICATION_CREDENTIALS", None)
    os.environ["CLOUDSDK_CONFIG"] = os.path.join(emulator.home.name, "no-gcloud")
    os.environ.update({name: value for name, value in emulator.first["env"].items() if name.startswith("GCE_")})
    # The library reads the host once, when it is imported.
    importlib.reload(_metadata)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
        importlib.reload(_metadata)


def as_person(emulator, target, subject, scopes):
    return impersonated_credentials.Credentials(
        source_credentials=user(emulator), target_principal=target, target_scopes=scopes, subject=subject
    )


def as_account(emulator, target, delegates=(), source=None):
    return impersonated_credentials.Credentials(
        source_credentials=source or user(emulator),
        target_principal=target,
        target_scopes=CLOUD,
        delegates=list(delegates),
        lifetime=600,
    )


def verified(token, audience=AUDIENCE):
    """The claims of an ID token, once Google's library has checked its signature by the published certificates."""
    return id_token.verify_token(token, Request(), audience=audience)


def refused(call, *words):
    """The call raises the library's own error, and Google's words are in it."""
    try:
        call()
    except exceptions.GoogleAuthError as error:
        missing = [word for word in words if word not in str(error)]
        assert not missing, f"{missing} not in {error}"
    else:
        raise AssertionError("nothing was refused")


PRINTED = """
import sys
import google.auth
from google.auth import impersonated_credentials
from google.auth.transport.requests import AuthorizedSession, Request
base, target, cloud = sys.argv[1:]
credentials, project = google.auth.default(scopes=[cloud])
credentials.refresh(Request())
assert credentials.valid and credentials.token.startswith("ya29."), credentials.token
assert project == "acme-prod", project
answer = AuthorizedSession(credentials).get(f"{base}/v1/projects/{project}/serviceAccounts")
assert answer.status_code == 200 and len(answer.json()["accounts"]) == 20, answer.text
minted = impersonated_credentials.Credentials(
    credentials, target, [cloud], iam_endpoint_override=f"{base}/v1/projects/-/serviceAccounts/{target}:generateAccessToken"
)
minted.refresh(Request())
assert minted.token.startswith("ya29.c."), minted.token
"""


def bare(emulator, code, *arguments, env=None):
    """Runs Python with the printed environment and no way out of the machine; the exit code and what it said."""
    ours = {"HOME": emulator.home.name, "PATH": os.environ.get("PATH", ""), "HTTPS_PROXY": "http://127.0.0.1:9"}
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env=ours | emulator.first["env"] | (env or {}),
        capture_output=True,
        text=True,
        timeout=120,
    )
    return done.returncode, done.stderr


@check
def the_printed_environment_is_all_that_the_library_needs(emulator):
    with without_proxy(emulator) as plain:
        code, said = bare(plain, PRINTED, plain.base, DEPLOYER, CLOUD[0])
    assert code == 0, said


@check
def a_person_s_file_is_asked_about_at_google_as_the_docs_say(emulator):
    # When the library starts to read `token_uri`, this fails: remove the limit from docs/emulator/.
    with without_proxy(emulator) as plain:
        env = {"GOOGLE_APPLICATION_CREDENTIALS": plain.caller("user:dev@example.com")}
        code, said = bare(plain, PRINTED, plain.base, DEPLOYER, CLOUD[0], env=env)
    assert code != 0 and "oauth2.googleapis.com" in said, said


@check
def files_that_name_addresses_are_followed_to_them(emulator):
    with without_proxy(emulator) as plain:
        callers = plain.callers("external_account") + plain.callers("external_account_authorized_user")
        assert len(callers) == 11, callers
        for caller in callers:
            # With scopes the library asks Google for the project.
            credentials = google.auth.load_credentials_from_file(caller["path"])[0]
            if caller["kind"] == "external_account":
                credentials = credentials.with_scopes([*CLOUD, "https://www.googleapis.com/auth/userinfo.email"])
            credentials.refresh(Request())
            if "impersonates" in caller:
                assert plain.info(credentials.token)["email"] == caller["impersonates"], caller
            else:
                assert plain.username(credentials.token) == caller["principal"], caller


@check
def a_user_file_is_refreshed(emulator):
    credentials = user(emulator)
    credentials.refresh(Request())
    assert credentials.valid and credentials.token.startswith("ya29."), "no token"
    assert credentials.quota_project_id == "acme-prod", credentials.quota_project_id


@check
def a_service_account_file_is_exchanged(emulator):
    path = emulator.caller("serviceAccount:ci@acme-ci.iam.gserviceaccount.com")
    credentials = service_account.Credentials.from_service_account_file(path, scopes=CLOUD)
    credentials.refresh(Request())
    assert credentials.valid and credentials.token.startswith("ya29."), "no token"


@check
def a_service_account_file_gives_an_id_token(emulator):
    path = emulator.caller("serviceAccount:ci@acme-ci.iam.gserviceaccount.com")
    credentials = service_account.IDTokenCredentials.from_service_account_file(path, target_audience=AUDIENCE)
    credentials.refresh(Request())
    claims = verified(credentials.token)
    assert claims["email"] == "ci@acme-ci.iam.gserviceaccount.com", claims


@check
def a_self_signed_jwt_is_accepted(emulator):
    path = emulator.caller("serviceAccount:ci@acme-ci.iam.gserviceaccount.com")
    credentials = service_account.Credentials.from_service_account_file(path, scopes=CLOUD)
    credentials = credentials.with_always_use_jwt_access(True)
    answer = AuthorizedSession(credentials).get(f"https://iam.googleapis.com/v1/projects/-/serviceAccounts/{DEPLOYER}")
    assert answer.status_code in (200, 403), answer.text


@check
def an_account_is_impersonated(emulator):
    credentials = as_account(emulator, DEPLOYER)
    credentials.refresh(Request())
    assert credentials.token.startswith("ya29.c."), "no token"
    left = credentials.expiry - datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)
    assert datetime.timedelta(seconds=500) < left <= datetime.timedelta(seconds=610), left


@check
def an_account_is_impersonated_by_another_account(emulator):
    path = emulator.caller("serviceAccount:ci@acme-ci.iam.gserviceaccount.com")
    source = service_account.Credentials.from_service_account_file(path, scopes=CLOUD)
    credentials = as_account(emulator, DEPLOYER, source=source)
    credentials.refresh(Request())
    assert credentials.token.startswith("ya29.c."), "no token"


@check
def an_account_is_impersonated_through_a_chain(emulator):
    credentials = as_account(emulator, VAULT, RELAYS)
    credentials.refresh(Request())
    assert credentials.token.startswith("ya29.c."), "no token"


@check
def a_broken_chain_is_refused(emulator):
    for delegates in ([], RELAYS[:1], RELAYS[::-1]):
        refused(lambda: as_account(emulator, VAULT, delegates).refresh(Request()), "PERMISSION_DENIED")


@check
def the_impersonated_token_calls_the_api(emulator):
    session = AuthorizedSession(as_account(emulator, RELAYS[0]))
    url = f"https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/{RELAYS[1]}:generateAccessToken"
    answer = session.post(url, json={"scope": CLOUD})
    assert answer.status_code == 200 and "accessToken" in answer.json(), answer.text
    answer = session.post(url.replace(RELAYS[1], VAULT), json={"scope": CLOUD})
    assert answer.status_code == 403, answer.text


@check
def an_id_token_is_verified(emulator):
    credentials = impersonated_credentials.IDTokenCredentials(
        as_account(emulator, DEPLOYER), target_audience=AUDIENCE, include_email=True
    )
    credentials.refresh(Request())
    claims = verified(credentials.token)
    assert claims["aud"] == AUDIENCE and claims["email"] == DEPLOYER and claims["email_verified"], claims
    assert claims["iss"] == "https://accounts.google.com" and claims["exp"] - claims["iat"] == 3600, claims
    assert claims["sub"] == claims["azp"] == "109300000000000004411", claims


@check
def an_id_token_through_a_chain_is_verified(emulator):
    credentials = impersonated_credentials.IDTokenCredentials(
        as_account(emulator, VAULT, RELAYS), target_audience=AUDIENCE
    )
    credentials.refresh(Request())
    claims = verified(credentials.token)
    assert claims["aud"] == AUDIENCE and "email" not in claims, claims


@check
def an_id_token_for_somebody_else_is_refused_by_the_library(emulator):
    credentials = impersonated_credentials.IDTokenCredentials(as_account(emulator, DEPLOYER), target_audience=AUDIENCE)
    credentials.refresh(Request())
    for token, audience in [
        (credentials.token, "https://other.run.app"),
        (credentials.token[:-8] + "AAAAAAAA", AUDIENCE),
    ]:
        try:
            verified(token, audience)
        except (ValueError, exceptions.GoogleAuthError):
            continue
        raise AssertionError("it was taken")


@check
def signed_bytes_are_verified_by_the_published_certificate(emulator):
    for target, delegates in [(DEPLOYER, []), (VAULT, RELAYS)]:
        signature = as_account(emulator, target, delegates).sign_bytes(b"to be signed")
        answer = requests.get(f"{emulator.base}/service_accounts/v1/metadata/x509/{quote(target)}")
        certificates = answer.json()
        assert certificates, answer.text
        assert any(is_signed_by(pem, signature, b"to be signed") for pem in certificates.values()), "no key fits"
        assert not any(is_signed_by(pem, signature, b"something else") for pem in certificates.values())


def is_signed_by(pem, signature, message):
    key = x509.load_pem_x509_certificate(pem.encode()).public_key()
    try:
        key.verify(signature, message, padding.PKCS1v15(), hashes.SHA256())
    except Exception:
        return False
    return True


@check
def a_missing_permission_is_raised(emulator):
    credentials = as_account(emulator, API)
    refused(lambda: credentials.refresh(Request()), "PERMISSION_DENIED", "iam.serviceAccounts.getAccessToken")
    refused(lambda: credentials.sign_bytes(b"x"), "403")


@check
def an_account_that_is_not_there_is_raised(emulator):
    credentials = as_account(emulator, "nobody@acme-prod.iam.gserviceaccount.com")
    refused(lambda: credentials.refresh(Request()), "NOT_FOUND")


@check
def a_quota_project_with_the_api_off_is_refused(emulator):
    # The library sends the quota project with calls of the API, not with its own impersonation.
    session = AuthorizedSession(user(emulator).with_quota_project("acme-dark"))
    url = f"https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/{DEPLOYER}:generateAccessToken"
    answer = session.post(url, json={"scope": CLOUD})
    assert answer.status_code == 403 and "SERVICE_DISABLED" in answer.text, answer.text


@check
def a_login_that_was_revoked_is_raised(emulator):
    with open(emulator.caller("user:dev@example.com"), encoding="utf-8") as file:
        info = json.load(file)
    info["refresh_token"] = "1//" + base64.urlsafe_b64encode(os.urandom(30)).decode()
    credentials = google.auth.load_credentials_from_dict(info, scopes=CLOUD)[0]
    refused(lambda: credentials.refresh(Request()), "invalid_grant")


@check
def the_machine_s_own_account_is_found_and_calls_the_api(emulator):
    with on_the_machine(emulator):
        credentials, project = google.auth.default(scopes=CLOUD)
        assert isinstance(credentials, compute_engine.Credentials), credentials
        assert project == "acme-prod", project
        credentials.refresh(Request())
        assert credentials.service_account_email == API, credentials.service_account_email
        assert credentials.token.startswith("ya29.c.") and credentials.universe_domain == "googleapis.com"
        answer = AuthorizedSession(credentials).get(f"https://iam.googleapis.com/v1/projects/-/serviceAccounts/{DEPLOYER}")
        assert answer.status_code == 200, answer.text


@check
def the_machine_s_scopes_hold_whatever_is_asked_for(emulator):
    with on_the_machine(emulator):
        credentials = compute_engine.Credentials(scopes=DRIVE)
        credentials.refresh(Request())
    info = emulator.info(credentials.token)
    assert info["scope"] == CLOUD[0], info


@check
def the_machine_s_second_account_is_there_too(emulator):
    # The library's credentials take the default account's token, whatever account they were made for.
    reports = "reports@acme-prod.iam.gserviceaccount.com"
    with on_the_machine(emulator):
        assert _metadata.get_service_account_info(Request(), reports)["email"] == reports
        token, _ = _metadata.get_service_account_token(Request(), reports)
    url = f"https://iam.googleapis.com/v1/projects/-/serviceAccounts/{DEPLOYER}"
    answer = requests.get(url, headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 403 and "ACCESS_TOKEN_SCOPE_INSUFFICIENT" in answer.text, answer.text


@check
def the_machine_s_id_token_is_verified(emulator):
    with on_the_machine(emulator):
        credentials = compute_engine.IDTokenCredentials(Request(), AUDIENCE, use_metadata_identity_endpoint=True)
        credentials.refresh(Request())
    claims = verified(credentials.token)
    assert claims["aud"] == AUDIENCE and claims["email"] == API, claims
    assert claims["google"]["compute_engine"]["project_id"] == "acme-prod", claims


@check
def an_account_stands_for_a_person(emulator):
    credentials = as_person(emulator, DEPLOYER, "alice@example.com", DRIVE)
    credentials.refresh(Request())
    info = emulator.info(credentials.token)
    assert info["scope"] == DRIVE[0] and info["sub"] != info["azp"] == "109300000000000004411", info


@check
def an_account_does_not_stand_for_anybody_with_any_scope(emulator):
    refused(lambda: as_person(emulator, DEPLOYER, "alice@example.com", CLOUD).refresh(Request()), "unauthorized_client")
    refused(lambda: as_person(emulator, DEPLOYER, "x@example.net", DRIVE).refresh(Request()), "Invalid email or User ID")
    reports = "reports@acme-prod.iam.gserviceaccount.com"
    refused(lambda: as_person(emulator, reports, "alice@example.com", DRIVE).refresh(Request()), "unauthorized_client")


def loaded(caller, scopes=CLOUD):
    """The credentials of a file, refreshed once."""
    os.environ["GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES"] = "1"
    credentials = google.auth.load_credentials_from_file(caller["path"], scopes=scopes)[0]
    credentials.refresh(Request())
    assert credentials.valid and credentials.token, "no token"
    return credentials


def accounts(credentials, project):
    """What IAM says to somebody who wants to see the accounts of a project."""
    return AuthorizedSession(credentials).get(f"https://iam.googleapis.com/v1/projects/{project}/serviceAccounts")


@check
def somebody_of_a_pool_is_known_by_name_from_every_source(emulator):
    callers = [caller for caller in emulator.callers("external_account") if "impersonates" not in caller]
    kinds = [type(loaded(caller)).__module__.rpartition(".")[2] for caller in callers]
    assert kinds == ["identity_pool", "identity_pool", "identity_pool", "pluggable", "aws"], kinds
    for caller in callers:
        credentials = loaded(caller)
        assert credentials.token.startswith("ya29.d."), credentials.token[:8]
        assert credentials.get_project_id(Request()) == "acme-ci", "the project of its pool"
        assert caller["principal"] == (ROLE if "-aws" in caller["path"] else RUNNER), caller
        assert emulator.username(credentials.token) == caller["principal"], caller["path"]
        answer = accounts(credentials, "acme-ci")
        assert answer.status_code == 200 and len(answer.json()["accounts"]) == 3, answer.text
        answer = accounts(credentials, "acme-prod")
        assert answer.status_code == 403 and "IAM_PERMISSION_DENIED" in answer.text, answer.text


@check
def somebody_of_a_pool_calls_as_an_account_from_every_source(emulator):
    callers = [caller for caller in emulator.callers("external_account") if "impersonates" in caller]
    assert len(callers) == 5, callers
    for caller in callers:
        assert caller["impersonates"] == DEPLOYER, caller
        credentials = loaded(caller, scopes=[*CLOUD, "https://www.googleapis.com/auth/userinfo.email"])
        assert credentials.service_account_email == DEPLOYER, credentials.service_account_email
        assert credentials.token.startswith("ya29.c."), credentials.token[:8]
        info = emulator.info(credentials.token)
        assert info["email"] == DEPLOYER, info


@check
def a_subject_token_of_somebody_else_is_raised(emulator):
    caller = next(caller for caller in emulator.callers("external_account") if caller["path"].endswith("-github-file.json"))
    with open(caller["path"], encoding="utf-8") as file:
        info = json.load(file)
    with open(info["credential_source"]["file"], encoding="utf-8") as file:
        token = file.read()
    # Loading asks for the project already, and so signs in.
    elsewhere = dict(info, audience=f"{POOL}/providers/gitlab")
    refused(lambda: google.auth.load_credentials_from_dict(elsewhere, scopes=CLOUD), "invalid_target")
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as forged:
        forged.write(token[:-8] + "AAAAAAAA")
        forged.flush()
        info["credential_source"]["file"] = forged.name
        refused(lambda: google.auth.load_credentials_from_dict(info, scopes=CLOUD), "invalid_grant")


@check
def a_key_of_aws_that_is_not_the_role_s_is_raised(emulator):
    caller = next(caller for caller in emulator.callers("external_account") if caller["path"].endswith("-aws.json"))
    before = dict(os.environ)
    os.environ.update(AWS_ACCESS_KEY_ID="ASIAIOSFODNN7EXAMPLE", AWS_SECRET_ACCESS_KEY="another", AWS_REGION="eu-west-1")
    os.environ["AWS_SESSION_TOKEN"] = "example+session/token=="
    try:
        refused(lambda: loaded(caller), "invalid_grant", "SignatureDoesNotMatch")
    finally:
        os.environ.clear()
        os.environ.update(before)


@check
def the_login_of_somebody_of_a_workforce_pool_is_refreshed(emulator):
    (caller,) = emulator.callers("external_account_authorized_user")
    credentials = loaded(caller)
    assert caller["principal"] == WENDY == emulator.username(credentials.token), caller
    answer = accounts(credentials, "acme-ci")
    assert answer.status_code == 200 and len(answer.json()["accounts"]) == 3, answer.text


@check
def a_file_of_an_account_behind_a_chain_is_the_account(emulator):
    (caller,) = emulator.callers("impersonated_service_account")
    credentials = loaded(caller, scopes=[*CLOUD, "https://www.googleapis.com/auth/userinfo.email"])
    info = emulator.info(credentials.token)
    assert info["email"] == VAULT == caller["impersonates"], info


@check
def a_file_of_the_distributed_cloud_is_exchanged_for_a_token_of_that_cloud(emulator):
    (caller,) = emulator.callers("gdch_service_account")
    credentials = google.auth.load_credentials_from_file(caller["path"])[0]
    assert type(credentials).__module__ == "google.oauth2.gdch_credentials", credentials
    credentials = credentials.with_gdch_audience("https://edge.example")
    credentials.refresh(Request())
    assert credentials.valid and credentials.expiry, credentials
    headers = {"Authorization": f"Bearer {credentials.token}"}
    answer = requests.get(f"{emulator.base}/v1/projects/acme-ci/serviceAccounts", headers=headers)
    assert answer.status_code == 401, answer.text


def downscoped_to(source, *rules):
    """A token within rules, each a resource, a role and perhaps a condition."""
    rules = [
        downscoped.AccessBoundaryRule(
            resource, [f"inRole:{role}"], downscoped.AvailabilityCondition(condition[0]) if condition else None
        )
        for resource, role, *condition in rules
    ]
    credentials = downscoped.Credentials(source, downscoped.CredentialAccessBoundary(rules))
    credentials.refresh(Request())
    return credentials


@check
def a_downscoped_token_does_what_its_boundary_leaves(emulator):
    source = user(emulator)
    source.refresh(Request())
    project = "//cloudresourcemanager.googleapis.com/projects/acme-prod"
    bucket = "//storage.googleapis.com/projects/_/buckets/reports"
    viewer = "roles/iam.serviceAccountViewer"
    url = f"{emulator.base}/v1/projects/acme-prod/serviceAccounts"
    for rules, status in [
        ([(project, viewer)], 200),
        ([(bucket, "roles/storage.objectViewer"), (project, viewer)], 200),
        ([(bucket, "roles/storage.objectViewer")], 403),
        ([(project, viewer, "request.time < timestamp('2020-01-01T00:00:00Z')")], 403),
    ]:
        credentials = downscoped_to(source, *rules)
        assert credentials.token.startswith("ya29.dr.") and credentials.expiry == source.expiry, rules
        answer = requests.get(url, headers={"Authorization": f"Bearer {credentials.token}"})
        assert answer.status_code == status, f"{rules}: {answer.text}"


@check
def a_boundary_with_a_role_that_there_is_not_is_raised(emulator):
    rule = ("//storage.googleapis.com/projects/_/buckets/reports", "roles/storage.objectGazer")
    refused(lambda: downscoped_to(user(emulator), rule), "invalid_request", "availablePermissions")


def run(checks, binary, compared):
    """Every check against one emulator of its own, the proxy of all that is asked: a table with a line for each, and what all of them compare; a last
    line with the count; exit 1 on a failure."""
    emulator = Emulator(binary, "--proxy")
    os.environ.update(emulator.first["env"])
    stay_here()
    rows = []
    try:
        for one in checks:
            try:
                one(emulator)
                held = True
            except Exception:
                held = False
                traceback.print_exc()
            rows.append((one.__name__.replace("_", " "), compared, held))
    finally:
        emulator.close()
    sys.exit(shown(rows))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: google_auth.py PATH-OF-IMPERSONA")
    run(CHECKS, sys.argv[1], "google-auth's credentials or its own error")
