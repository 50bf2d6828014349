"""Key sets as people have them, made and checked by a library that is not ours: each type of key, written in each way and
with each defect, with the verdict of `impersona decode` beside that of `cryptography`.

    python key_sets.py PATH-OF-IMPERSONA

`cryptography` makes the keys, signs, and verifies with the same public key: what it verifies must never be called failed,
what it doesn't must never be called verified, and a key that can't be used must be named with the reason.
"""

import base64
import datetime
import json
import os
import subprocess
import sys
import tempfile

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils
from cryptography.x509.oid import NameOID

from table import shown

KID = "signer"
PEM, DER = serialization.Encoding.PEM, serialization.Encoding.DER
INFO, PKCS1 = serialization.PublicFormat.SubjectPublicKeyInfo, serialization.PublicFormat.PKCS1


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def number(value, size=None):
    return value.to_bytes(size or (value.bit_length() + 7) // 8, "big")


class Rsa:
    def __init__(self, alg, bits):
        self.alg, self.name = alg, f"{alg} {bits}"
        self.key = rsa.generate_private_key(65537, bits)
        self.hash = {"256": hashes.SHA256, "384": hashes.SHA384, "512": hashes.SHA512}[alg[2:]]()
        self.numbers = ("n", "e")

    def padding(self):
        if self.alg.startswith("PS"):
            return padding.PSS(padding.MGF1(self.hash), self.hash.digest_size)
        return padding.PKCS1v15()

    def sign(self, message):
        return self.key.sign(message, self.padding(), self.hash)

    def verify(self, signature, message):
        self.key.public_key().verify(signature, message, self.padding(), self.hash)

    def jwk(self):
        numbers = self.key.public_key().public_numbers()
        return {"kty": "RSA", "n": b64(number(numbers.n)), "e": b64(number(numbers.e))}


class Ec:
    def __init__(self, alg, curve, named, size, digest):
        self.alg, self.name, self.named, self.size = alg, f"{alg} {named}", named, size
        self.key, self.how = ec.generate_private_key(curve), ec.ECDSA(digest)
        self.numbers = ("x", "y")

    def sign(self, message):
        r, s = utils.decode_dss_signature(self.key.sign(message, self.how))
        return number(r, self.size) + number(s, self.size)

    def verify(self, signature, message):
        r, s = (int.from_bytes(half, "big") for half in (signature[: self.size], signature[self.size :]))
        self.key.public_key().verify(utils.encode_dss_signature(r, s), message, self.how)

    def jwk(self):
        numbers = self.key.public_key().public_numbers()
        return {
            "kty": "EC",
            "crv": self.named,
            "x": b64(number(numbers.x, self.size)),
            "y": b64(number(numbers.y, self.size)),
        }


class Ed:
    def __init__(self):
        self.alg, self.name, self.numbers = "EdDSA", "EdDSA Ed25519", ("x",)
        self.key = ed25519.Ed25519PrivateKey.generate()

    def sign(self, message):
        return self.key.sign(message)

    def verify(self, signature, message):
        self.key.public_key().verify(signature, message)

    def jwk(self):
        raw = serialization.Encoding.Raw, serialization.PublicFormat.Raw
        return {"kty": "OKP", "crv": "Ed25519", "x": b64(self.key.public_key().public_bytes(*raw))}


def certificate(signer):
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "idp.example")])
    now = datetime.datetime.now(datetime.timezone.utc)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(signer.key.public_key())
    made = made.serial_number(7).not_valid_before(now).not_valid_after(now + datetime.timedelta(days=1))
    digest = None if isinstance(signer, Ed) else hashes.SHA256()
    return made.sign(signer.key, digest)


def token(signer, kid):
    header = {"alg": signer.alg, **({"kid": kid} if kid else {})}
    message = ".".join(b64(json.dumps(part).encode()) for part in (header, {"iss": "https://idp.example"}))
    return f"{message}.{b64(signer.sign(message.encode()))}"


def is_good(signer, text):
    """What `cryptography` says of the signature."""
    message, signature = text.rsplit(".", 1)
    try:
        signer.verify(base64.urlsafe_b64decode(signature + "=="), message.encode())
    except InvalidSignature:
        return False
    return True


def changed(text):
    """The same token with other claims."""
    header, _, signature = text.split(".")
    return ".".join([header, b64(b'{"iss":"https://other.example"}'), signature])


def ways(signer):
    """(how, text or bytes of the keys): ways to write the public key that lose nothing."""
    whole = {**signer.jwk(), "kid": KID}
    raw = {name: base64.urlsafe_b64decode(whole[name] + "==") for name in signer.numbers}
    each = lambda write: {**whole, **{name: write(data) for name, data in raw.items()}}
    public, made = signer.key.public_key(), certificate(signer)
    pem, der = public.public_bytes(PEM, INFO), public.public_bytes(DER, INFO)
    x5c = base64.b64encode(made.public_bytes(DER)).decode()
    yield "set", json.dumps({"keys": [whole]})
    yield "lone key", json.dumps(whole)
    yield "list", json.dumps([whole])
    yield "in jwks", json.dumps({"jwks": {"keys": [whole]}})
    yield "no kid", json.dumps({"keys": [signer.jwk()]})
    yield "numeric kid", json.dumps({"keys": [{**whole, "kid": 7}]})
    yield "padded", json.dumps({"keys": [each(lambda data: base64.urlsafe_b64encode(data).decode())]})
    yield "ordinary base64", json.dumps({"keys": [each(lambda data: base64.b64encode(data).decode())]})
    yield "beside others", json.dumps({"keys": [{"kty": "oct", "k": "AA"}, {"kty": "AKP"}, None, whole]})
    if not isinstance(signer, Ed):
        yield "zeros in front", json.dumps({"keys": [each(lambda data: b64(b"\0" + data))]})
        yield "no zeros in front", json.dumps({"keys": [each(lambda data: b64(data.lstrip(b"\0")))]})
    yield "PEM", pem
    yield "PEM, CRLF", pem.replace(b"\n", b"\r\n")
    yield "PEM, UTF-16", pem.decode().encode("utf-16")
    yield "PEM by ID", json.dumps({KID: pem.decode()})
    yield "DER in base64", base64.b64encode(der)
    yield "certificate", made.public_bytes(PEM)
    yield "certificate by ID", json.dumps({KID: made.public_bytes(PEM).decode()})
    yield "x5c", json.dumps({"keys": [{"kty": whole["kty"], "kid": KID, "x5c": [x5c]}]})
    yield "set, UTF-16 without a mark", json.dumps({"keys": [whole]}).encode("utf-16-le")
    if isinstance(signer, Rsa):
        yield "PKCS #1", public.public_bytes(PEM, PKCS1)


def defects(signer):
    """(how, text of the keys, a word of the reason): ways to lose the key."""
    whole = {**signer.jwk(), "kid": KID}
    first, last = signer.numbers[0], signer.numbers[-1]
    without = {name: value for name, value in whole.items() if name != last}
    yield "no keys", json.dumps({"keys": []}), "no keys"
    yield "for encryption", json.dumps({"keys": [{**whole, "use": "enc"}]}), "enc"
    yield "key_ops", json.dumps({"keys": [{**whole, "key_ops": ["encrypt"]}]}), "encrypt"
    yield "a number missing", json.dumps({"keys": [without]}), f"no {last}"
    yield "no base64", json.dumps({"keys": [{**whole, first: "%%%"}]}), "base64"
    yield "another type", json.dumps({"keys": [{**whole, "kty": "AKP"}]}), "AKP"
    yield "discovery document", json.dumps({"issuer": "x", "jwks_uri": "https://idp.example/k"}), "jwks_uri"
    yield "HTML", "<!doctype html><title>404</title>", "neither JSON nor PEM"
    private = signer.key.private_bytes(
        PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    yield "private key", private, "private key"


def signers():
    for alg, bits in (("RS256", 2048), ("RS512", 3072), ("PS256", 2048)):
        yield Rsa(alg, bits)
    yield Ec("ES256", ec.SECP256R1(), "P-256", 32, hashes.SHA256())
    yield Ec("ES384", ec.SECP384R1(), "P-384", 48, hashes.SHA384())
    yield Ed()


class Judge:
    def __init__(self, binary):
        self.binary, self.folder = os.path.abspath(binary), tempfile.TemporaryDirectory()

    def verdict(self, text, keys):
        path = os.path.join(self.folder.name, "keys")
        with open(path, "wb") as file:
            file.write(keys if isinstance(keys, bytes) else keys.encode())
        command = [self.binary, "decode", "-", "--offline", "--json", "--jwks", path]
        out = subprocess.run(command, input=text.encode(), capture_output=True, check=True).stdout
        return json.loads(out)["verdict"]


def main(binary):
    judge, rows = Judge(binary), []

    def row(name, how, good, verdict, state, word=""):
        held = verdict["state"] == state and word in verdict["reason"]
        rows.append((name, f"{how}: cryptography {good}, impersona {verdict['state']}", held))
        if not held:
            print(f"{name}, {how}: expected {state} {word!r}, got {verdict}")

    for signer in signers():
        for kid in (KID, None):
            text, name = token(signer, kid), signer.name + ("" if kid else ", no kid")
            good, bad = is_good(signer, text), is_good(signer, changed(text))
            for how, keys in ways(signer):
                row(name, how, good, judge.verdict(text, keys), "verified")
                row(name, f"{how}, changed", bad, judge.verdict(changed(text), keys), "failed")
        text = token(signer, KID)
        for how, keys, word in defects(signer):
            row(signer.name, how, True, judge.verdict(text, keys), "not_checked", word)
    # What cryptography verifies and impersona has no way to.
    small = Rsa("RS256", 1024)
    for how, keys in ways(small):
        text = token(small, KID)
        row(small.name, how, is_good(small, text), judge.verdict(text, keys), "not_checked", "1024 bits; at least 2048")
    large = Ec("ES512", ec.SECP521R1(), "P-521", 66, hashes.SHA512())
    for how, keys in ways(large):
        text = token(large, KID)
        row(large.name, how, is_good(large, text), judge.verdict(text, keys), "not_checked", "ES512")
    # A set that was searched without finding the key.
    for signer in signers():
        text, stranger = token(signer, KID), json.dumps({"keys": [{**Ed().jwk(), "kid": "stranger"}]})
        row(signer.name, "a stranger's set", True, judge.verdict(text, stranger), "failed", "not among")
    return shown(rows)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
