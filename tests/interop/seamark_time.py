"""Time-stamps over a checkpoint (docs/FORMATS.md section 11.3, step 6). Form and digest are read here; signature and chain are OpenSSL's."""

import base64
import datetime
import hashlib
import os
import re
import subprocess
import tempfile

import seamark_formats as f

OIDS = {
    "signed-data": "2a864886f70d010702", "tst-info": "2a864886f70d0109100104", "content-type": "2a864886f70d010903",
    "message-digest": "2a864886f70d010904", "certificate": "2a864886f70d010910020c", "certificate-v2": "2a864886f70d010910022f",
    "rsa": "2a864886f70d010101",
}
HASHES = {"608648016503040201": ("sha256", 0), "608648016503040202": ("sha384", 1), "608648016503040203": ("sha512", 2)}


def take(data):
    """(tag, value, whole element, rest) of the first element of DER."""
    f.need(len(data) >= 2 and data[0] & 0x1F != 0x1F, "no element")
    length, start = data[1], 2
    if length >= 0x80:
        n = length & 0x7F
        digits = data[2 : 2 + n]
        f.need(n and len(digits) == n and digits[0], "a length is in another spelling")
        length, start = int.from_bytes(digits, "big"), 2 + n
        f.need(length >= 0x80, "a length is in another spelling")
    f.need(start + length <= len(data), "an element is cut")
    return data[0], data[start : start + length], data[: start + length], data[start + length :]


def items(value):
    found = []
    while value:
        tag, inner, whole, value = take(value)
        found.append((tag, inner, whole))
    f.need(len(found) <= 64, "too many elements")
    return found


def inside(item, tag):
    f.need(item[0] == tag, "an element of another kind")
    return items(item[1])


def value(item, tag):
    f.need(item[0] == tag, "an element of another kind")
    return item[1]


def only(found):
    f.need(len(found) == 1, "not one element")
    return found[0]


def algorithm(item):
    return value(inside(item, 0x30)[0], 0x06).hex()


def read(answer):
    """(imprint, time in milliseconds, certificates) of a `TimeStampResp` of the form that is taken."""
    f.need(len(answer) <= 65_536, "the token is too large")
    tag, inner, _, rest = take(answer)
    f.need(tag == 0x30 and not rest, "the token is no sequence")
    status, token = items(inner)
    f.need(value(inside(status, 0x30)[0], 0x02) in (b"\0", b"\1"), "not granted")
    kind, content = inside(token, 0x30)
    f.need(value(kind, 0x06).hex() == OIDS["signed-data"], "no signed data")
    version, digests, encapsulated, *more = inside(only(inside(content, 0xA0)), 0x30)
    f.need(value(version, 0x02) == b"\3" and len(more) in (1, 2, 3), "signed data of another form")
    certificates = inside(more[0], 0xA0) if len(more) > 1 else []
    f.need(len(certificates) <= 16 and (len(more) < 3 or more[1][0] == 0xA1), "signed data of another form")
    kind, content = inside(encapsulated, 0x30)
    f.need(value(kind, 0x06).hex() == OIDS["tst-info"], "no time is signed")
    info = value(only(inside(content, 0xA0)), 0x04)
    named = check_signer(only(inside(more[-1], 0x31)), HASHES[algorithm(only(inside(digests, 0x31)))][1], info)
    digests = [hashlib.new(hash, whole).digest() for _, _, whole in certificates for hash in ("sha1", "sha256", "sha384", "sha512")]
    f.need(any(digest in named for digest in digests), "the signer's certificate is not in the token")
    tag, inner, _, rest = take(info)
    f.need(tag == 0x30 and not rest, "the time is no sequence")
    version, policy, imprint, number, time, *_ = items(inner)
    f.need(value(version, 0x02) == b"\1" and policy[0] == 0x06 and number[0] == 0x02, "the time is of another form")
    kind, digest = inside(imprint, 0x30)
    f.need(HASHES[algorithm(kind)][0] == "sha256", "another imprint")
    return value(digest, 0x04), ms_of(value(time, 0x18)), [whole for _, _, whole in certificates]


def check_signer(info, digest_of_data, content):
    version, sid, digest, attributes, sign, signature, *more = inside(info, 0x30)
    f.need(value(version, 0x02) == b"\1" and len(more) <= 1 and all(one[0] == 0xA1 for one in more), "a signer of another form")
    issuer, number = inside(sid, 0x30)
    f.need(signature[0] == 0x04, "no signature")
    which = HASHES[algorithm(digest)][1]
    f.need(which == digest_of_data, "two digests")
    name = algorithm(sign)
    known = {OIDS["rsa"], f"2a864886f70d0101{0x0B + which:02x}", f"2a8648ce3d0403{2 + which:02x}"}
    f.need(name in known, "an unknown algorithm")
    found = {}
    for attribute in inside(attributes, 0xA0):
        kind, values = inside(attribute, 0x30)
        kind = value(kind, 0x06).hex()
        if kind in OIDS.values():
            f.need(kind not in found, "an attribute twice")
            found[kind] = only(inside(values, 0x31))
    f.need(value(found[OIDS["content-type"]], 0x06).hex() == OIDS["tst-info"], "another content type")
    f.need(value(found[OIDS["message-digest"]], 0x04), "no digest")
    named = found.get(OIDS["certificate-v2"]) or found.get(OIDS["certificate"])
    f.need(named, "no signing certificate")
    return named[2]


def ms_of(text):
    matched = re.fullmatch(rb"(\d{14})(?:\.(\d{1,9}))?Z", text)
    f.need(matched, "the time is none")
    moment = datetime.datetime.strptime(matched.group(1).decode(), "%Y%m%d%H%M%S").replace(tzinfo=datetime.timezone.utc)
    return round(moment.timestamp()) * 1000 + int((matched.group(2) or b"0").ljust(3, b"0")[:3])


def pem(certificates):
    def one(der):
        coded = base64.b64encode(der).decode()
        lines = "\n".join(coded[at : at + 64] for at in range(0, len(coded), 64))
        return f"-----BEGIN CERTIFICATE-----\n{lines}\n-----END CERTIFICATE-----\n"

    return "".join(map(one, certificates))


def read_pem(text):
    blocks = re.findall("-----BEGIN CERTIFICATE-----\n(.*?)-----END CERTIFICATE-----\n", text, re.DOTALL)
    found = [base64.b64decode(block.replace("\n", "").encode(), validate=True) for block in blocks]
    f.need(1 <= len(found) <= 16 and pem(found) == text, "tsa-chain.pem has another form")
    return found


def verify(answer, chain, body, roots):
    """The token's time in milliseconds, verified under the pinned roots (DER)."""
    imprint, at, certificates = read(answer)
    f.need(imprint.hex() == f.sha256_hex(body), "the token is over something else")
    with tempfile.TemporaryDirectory() as folder:
        path = lambda name: os.path.join(folder, name)
        for name, data in (("token", answer), ("body", body), ("roots", pem(roots).encode()), ("chain", pem(certificates + chain).encode())):
            with open(path(name), "wb") as file:
                file.write(data)
        command = ["openssl", "ts", "-verify", "-data", path("body"), "-in", path("token"), "-CAfile", path("roots"), "-untrusted", path("chain")]
        done = subprocess.run([*command, "-attime", str(at // 1000)], capture_output=True, text=True, check=False)
        f.need(done.returncode == 0 and "Verification: OK" in done.stdout, "openssl: " + (done.stderr.strip().splitlines() or ["refused"])[0])
    return at
