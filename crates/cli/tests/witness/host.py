"""A Remote Desktop host up to the logon prompt, after a description in JSON: python3 host.py PORT '{"key": "rsa"}'.

It serves the tests as a host that none of our own code has written: Python's socket and ssl (OpenSSL), `cryptography` for
certificates. What a description may say stands in DEFAULTS.
"""
import datetime
import json
import os
import select
import shutil
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import time

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dh, ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DEFAULTS = {
    "protocols": 11,  # what it takes of requestedProtocols: 1 TLS, 2 and 8 CredSSP; 0 for Standard RDP Security alone
    "standard": False,  # it takes Standard RDP Security as well
    "min": "1.2",
    "max": "1.3",
    "ciphers": None,  # in OpenSSL's words
    "curve": None,
    "dh": False,  # DHE with the 1024 bits of RFC 2409 section 6.2
    "sha1": False,  # TLS 1.2 in which it signs with SHA-1 alone
    "version_1": False,  # a certificate of X.509 version 1, without extensions
    "key": "rsa",  # rsa, rsa1024, a path of a key in PEM, p256, p384, p521, ed25519, or broken: signatures that do not fit the certificate
    "client_certificate": False,  # or "optional": asked for and not missed
    "session_id": False,  # hellos that offer TLS 1.3 without a session id are met by "refusal"
    "settings": "whole",  # or close, left (closed behind them), ultimatum (behind them), conference (refused), encryption (inside TLS)
    "hangs_up": False,  # it closes behind the handshake
    "cookie": False,  # requests without Cookie: mstshash= are closed
    "name": False,  # hellos without a server name are met by "refusal"
    "no_13": False,  # hellos that offer TLS 1.3 are met by "refusal"
    "no_record_10": False,  # records of version 3.1 are met by "refusal"
    "longest": 0,  # hellos of more bytes are met by "refusal"
    "refusal": "rst",  # rst, fin, silent or the number of an alert
    "x224_delay": 0,
    "tls_delay": 0,
    "credssp_delay": 0,
    "settings_delay": 0,
    "credssp_status": None,  # a TSRequest with this errorCode instead of a CHALLENGE
    "mechanism": "ntlm",  # or kerberos, which it asks for instead; reject: SPNEGO with no mechanism left; none: no token
    "ultimatum": False,  # an MCS Disconnect Provider Ultimatum in the clear instead of TLS
    "bad": [],  # which connections of "period" are met by "refusal" at the hello, or closed
    "bad_at": "hello",  # or newest (a hello that offers TLS 1.3), or request, or accept, or setup (it closes behind the handshake), or answer: of the request, by "answer"
    "period": 1,
    "build": 20348,
    "target_info": True,  # False: its CHALLENGE has no names
    "answer": None,  # in hexadecimal, instead of a Connection Confirm; it then closes on what comes
    "failure": None,  # the code of a Negotiation Failure that answers each request
    "hangs_up_on": 0,  # requests that offer one of these protocols are closed
    "selects": None,  # the protocol that it selects, whatever it was asked for
}
VERSIONS = {"1.0": ssl.TLSVersion.TLSv1, "1.1": ssl.TLSVersion.TLSv1_1, "1.2": ssl.TLSVersion.TLSv1_2,
            "1.3": ssl.TLSVersion.TLSv1_3}


def make_key(kind):
    if os.path.exists(kind):
        return serialization.load_pem_private_key(open(kind, "rb").read(), None)
    curves = {"p256": ec.SECP256R1, "p384": ec.SECP384R1, "p521": ec.SECP521R1}
    if kind in curves:
        return ec.generate_private_key(curves[kind]())
    if kind == "ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    return rsa.generate_private_key(65537, 1024 if kind == "rsa1024" else 2048)


def unfitting(key):
    """The same modulus with another exponent: OpenSSL takes it for the certificate's key, and signs nonsense with it."""
    n = key.private_numbers()
    numbers = rsa.RSAPrivateNumbers(n.p, n.q, n.d ^ 6, n.dmp1 ^ 2, n.dmq1 ^ 2, n.iqmp, n.public_numbers)
    try:
        return numbers.private_key(unsafe_skip_rsa_key_validation=True)
    except TypeError:
        from cryptography.hazmat.backends.openssl.backend import backend
        return backend.load_rsa_private_numbers(numbers, True)


OAKLEY_2 = int("FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DDEF9519B3CD"
               "3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7EDEE386BFB5A899FA5AE9F"
               "24117C4B1FE649286651ECE65381FFFFFFFFFFFFFFFF", 16)


def short_group(context):
    form = serialization.Encoding.PEM, serialization.ParameterFormat.PKCS3
    with tempfile.NamedTemporaryFile() as file:
        file.write(dh.DHParameterNumbers(OAKLEY_2, 2).parameters().parameter_bytes(*form))
        file.flush()
        context.load_dh_params(file.name)


def sign_with_sha1_alone():
    """Only OpenSSL's configuration says which algorithms it signs with, and that is read when it is loaded."""
    if "OPENSSL_CONF" in os.environ:
        return
    with tempfile.NamedTemporaryFile("w", delete=False) as file:
        file.write("openssl_conf = a\n[a]\nssl_conf = b\n[b]\nsystem_default = c\n[c]\n"
                   "SignatureAlgorithms = RSA+SHA1\nCipherString = ALL:@SECLEVEL=0\n")
    os.environ["OPENSSL_CONF"] = file.name
    os.execv(sys.executable, [sys.executable, *sys.argv])


def without_extensions(files):
    request = ["openssl", "req", "-new", "-key", files[1], "-subj", "/CN=host.corp.example"]
    request = subprocess.run(request, capture_output=True, check=True).stdout
    sign = ["openssl", "x509", "-req", "-signkey", files[1], "-days", "174", "-out", files[0]]
    subprocess.run(sign, input=request, stderr=subprocess.DEVNULL, check=True)


def identity(kind):
    key = make_key(kind)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "host.corp.example")])
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(days=9))
    builder = builder.not_valid_after(now + datetime.timedelta(days=174))
    builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False)
    certificate = builder.sign(key, None if kind == "ed25519" else hashes.SHA256())
    folder = tempfile.mkdtemp(prefix="rdphost.")
    files = os.path.join(folder, "certificate.pem"), os.path.join(folder, "key.pem")
    with open(files[0], "wb") as out:
        out.write(certificate.public_bytes(serialization.Encoding.PEM))
    with open(files[1], "wb") as out:
        private = unfitting(key) if kind == "broken" else key
        form = serialization.PrivateFormat.TraditionalOpenSSL if "rsa" in kind or kind == "broken" \
            else serialization.PrivateFormat.PKCS8
        out.write(private.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))
    return files


def take(sock, count):
    data = b""
    while len(data) < count:
        more = sock.recv(count - len(data))
        if not more:
            raise EOFError
        data += more
    return data


def reset(sock):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def hello(sock):
    """Looks at the ClientHello without taking it: record version, length, whether it has a name, versions offered."""
    deadline = time.time() + 15
    while time.time() < deadline:
        data = sock.recv(65535, socket.MSG_PEEK)
        if not data:
            raise EOFError
        if len(data) >= 5 and len(data) >= 5 + int.from_bytes(data[3:5], "big"):
            break
        time.sleep(0.002)
    sessions = data[43] > 0
    seen = {"sessions": sessions, "record": data[1:3], "length": len(data), "name": False, "versions": [int.from_bytes(data[9:11], "big")]}
    at = 43
    at += 1 + data[at]
    at += 2 + int.from_bytes(data[at:at + 2], "big")
    at += 1 + data[at]
    end = at + 2 + int.from_bytes(data[at:at + 2], "big")
    at += 2
    while at + 4 <= end:
        kind, size = struct.unpack(">HH", data[at:at + 4])
        value = data[at + 4:at + 4 + size]
        if kind == 0:
            seen["name"] = size > 5
        if kind == 43:
            seen["versions"] = list(struct.unpack(f">{value[0] // 2}H", value[1:1 + value[0]]))
        at += 4 + size
    return seen


def der(tag, *parts):
    body = b"".join(parts)
    size = len(body)
    head = bytes([size]) if size < 128 else b"\x82" + struct.pack(">H", size)
    return bytes([tag]) + head + body


def ts_request(token=None, status=None):
    fields = [der(0xA0, b"\x02\x01\x06")]
    if token is not None:
        fields.append(der(0xA1, der(0x30, der(0x30, der(0xA0, der(4, token))))))
    if status is not None:
        fields.append(der(0xA4, der(2, status.to_bytes(4, "big"))))
    return der(0x30, *fields)


def challenge(build, names):
    if not names:
        return b"NTLMSSP\0" + struct.pack("<IHHII", 2, 0, 0, 56, 0xE2088235) + os.urandom(8) + bytes(16) \
            + struct.pack("<BBHBBBB", 10, 0, build, 0, 0, 0, 15)
    pairs = [(2, "CORP"), (1, "HOST"), (4, "corp.example"), (3, "host.corp.example")]
    info = b"".join(struct.pack("<HH", kind, 2 * len(text)) + text.encode("utf-16le") for kind, text in pairs)
    info += struct.pack("<HHQ", 7, 8, int((time.time() + 11644473600) * 10**7)) + struct.pack("<HH", 0, 0)
    name = "CORP".encode("utf-16le")
    head = b"NTLMSSP\0" + struct.pack("<IHHII", 2, len(name), len(name), 56, 0xE28A8235) + os.urandom(8) + bytes(8)
    head += struct.pack("<HHI", len(info), len(info), 56 + len(name)) + struct.pack("<BBHBBBB", 10, 0, build, 0, 0, 0, 15)
    return head + name + info


def wrapped(token):
    """The CHALLENGE as SPNEGO wraps it: NegTokenResp, accept-incomplete, NTLM."""
    oid = der(6, bytes.fromhex("2b06010401823702020a"))
    return der(0xA1, der(0x30, der(0xA0, b"\x0a\x01\x01"), der(0xA1, oid), der(0xA2, der(4, token))))


def introduce(tls, plan):
    head = take(tls, 2)
    more = head[1] & 0x7F if head[1] & 0x80 else 0
    size = take(tls, more)
    request = take(tls, int.from_bytes(size, "big") if more else head[1])
    time.sleep(plan["credssp_delay"])
    if plan["credssp_status"] is not None:
        tls.sendall(ts_request(status=plan["credssp_status"]))
        return
    state = {"kerberos": 3, "reject": 2}.get(plan["mechanism"])
    if state:
        named = der(0xA1, der(6, bytes.fromhex("2a864886f712010202"))) if state == 3 else b""
        tls.sendall(ts_request(der(0xA1, der(0x30, der(0xA0, bytes([10, 1, state])), named))))
        return
    if plan["mechanism"] == "none":
        tls.sendall(ts_request())
        return
    token = challenge(plan["build"], plan["target_info"])
    tls.sendall(ts_request(wrapped(token) if b"\x2b\x06\x01\x05\x05\x02" in request else token))
    tls.settimeout(10)
    if b"NTLMSSP\0\3" in tls.recv(8192):
        # whoever names an account has been at the logon prompt
        print("authenticated", flush=True)


def tell_settings(tls, asked, kind, delay):
    """Answers an MCS Connect Initial with a Connect Response, [MS-RDPBCGR] 2.2.1.4, and nothing else."""
    head = take(tls, 4)
    request = take(tls, int.from_bytes(head[2:4], "big") - 4)
    if head[0] != 3 or request[:5] != b"\x02\xf0\x80\x7f\x65":
        return
    time.sleep(delay)
    if kind == "close":
        return
    network = request.find(b"\x03\xc0")
    count = struct.unpack_from("<I", request, network + 4)[0] if network > 0 else 0
    encryption = (2, 2) if kind == "encryption" else (0, 0)
    blocks = struct.pack("<HHII", 0x0C01, 12, 0x00080004, asked) + struct.pack("<HHII", 0x0C02, 12, *encryption)
    channels = b"".join(struct.pack("<H", 1004 + number) for number in range(count)) + b"\0\0" * (count % 2)
    blocks += struct.pack("<HHHH", 0x0C03, 8 + len(channels), 1003, count) + channels
    result = 0x10 if kind == "conference" else 0
    conference = bytes.fromhex("000500147c00012a14760a0101") + bytes([result]) + bytes.fromhex("01c0004d63446e")
    conference += bytes([len(blocks)]) + blocks
    limits = der(0x30, bytes.fromhex("020122020103020100020101020100020101020300fff8020102"))
    content = bytes.fromhex("0a0100020100") + limits + der(4, conference)
    frame = b"\x02\xf0\x80\x7f" + der(0x66, content)
    tls.sendall(b"\x03\x00" + struct.pack(">H", len(frame) + 4) + frame)
    if kind == "ultimatum":
        tls.sendall(bytes.fromhex("0300000902f0802180"))
    if kind == "left":
        return
    tls.settimeout(10)
    tls.recv(4096)


def refuse(sock, refusal):
    if refusal == "silent":
        select.select([], [], [], 30)
    elif refusal == "rst":
        reset(sock)
    elif refusal != "fin":
        sock.recv(65535)
        sock.sendall(bytes([21, 3, 3, 0, 2, 2, int(refusal)]))


def serve(sock, number, plan, context):
    bad = number % plan["period"] in plan["bad"] and plan["bad_at"]
    if bad == "accept":
        return
    head = take(sock, 4)
    if head[0] != 3:
        return
    body = take(sock, int.from_bytes(head[2:4], "big") - 4)
    if bad == "request" or plan["cookie"] and b"Cookie: mstshash=" not in body:
        return
    rest = body.split(b"\r\n", 1)[1] if b"\r\n" in body else body[7:]
    asked = int.from_bytes(rest[4:8], "little") if rest[:1] == b"\1" else 0
    time.sleep(plan["x224_delay"])
    if plan["answer"] and (bad == "answer" or plan["bad_at"] != "answer"):
        sock.sendall(bytes.fromhex(plan["answer"]))
        sock.recv(4096)
        return
    if asked & plan["hangs_up_on"]:
        return
    chosen = next((bit for bit in (8, 2, 1) if plan["protocols"] & asked & bit), None)
    code = plan["failure"]
    if chosen is None and not plan["standard"] and plan["protocols"]:
        code = 5 if not plan["protocols"] & 1 else 1
    if code is not None:
        sock.sendall(bytes.fromhex("030000130ed00000123400") + struct.pack("<BBHI", 3, 0, 8, code))
        return
    if plan["selects"] is not None:
        chosen = plan["selects"]
    sock.sendall(bytes.fromhex("030000130ed00000123400") + struct.pack("<BBHI", 2, 0x1F, 8, chosen or 0))
    if not chosen:
        sock.recv(4096)
        return
    seen = hello(sock)
    time.sleep(plan["tls_delay"])
    if plan["ultimatum"]:
        sock.sendall(bytes.fromhex("0300000902f0802180"))
        return
    refused = (plan["name"] and not seen["name"] or plan["no_13"] and 0x0304 in seen["versions"]
               or plan["no_record_10"] and seen["record"] == b"\3\1" or 0 < plan["longest"] < seen["length"]
               or plan["session_id"] and 0x0304 in seen["versions"] and not seen["sessions"]
               or bad == "hello" or bad == "newest" and 0x0304 in seen["versions"])
    if refused:
        refuse(sock, plan["refusal"])
        return
    tls = context.wrap_socket(sock, server_side=True)
    if plan["hangs_up"] or bad == "setup":
        tls.shutdown(socket.SHUT_RDWR)
        return
    if chosen > 1:
        introduce(tls, plan)
    else:
        tls.settimeout(10)
        tell_settings(tls, asked, plan["settings"], plan["settings_delay"])
    tls.close()


def attend(sock, number, plan, context):
    try:
        serve(sock, number, plan, context)
    except (OSError, EOFError, IndexError, ValueError):
        pass
    finally:
        sock.close()


def main():
    plan = DEFAULTS | json.loads(sys.argv[2] if len(sys.argv) > 2 else "{}")
    unknown = plan.keys() - DEFAULTS.keys()
    if unknown:
        sys.exit(f"no such words: {unknown}")
    if plan["sha1"]:
        sign_with_sha1_alone()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version, context.maximum_version = VERSIONS[plan["min"]], VERSIONS[plan["max"]]
    old = plan["min"] < "1.2" or plan["key"] == "rsa1024" or plan["dh"] or plan["sha1"]
    if plan["ciphers"] or old:
        context.set_ciphers((plan["ciphers"] or "ALL") + (":@SECLEVEL=0" if old else ""))
    if plan["dh"]:
        short_group(context)
    own = identity(plan["key"])
    if plan["version_1"]:
        without_extensions(own)
    context.load_cert_chain(*own)
    # whoever starts it kills it, so nothing is left for the end
    shutil.rmtree(os.path.dirname(own[0]))
    if plan["curve"]:
        context.set_ecdh_curve(plan["curve"])
    if plan["client_certificate"]:
        authority = identity("rsa")[0]
        context.load_verify_locations(authority)
        shutil.rmtree(os.path.dirname(authority))
        optional = plan["client_certificate"] == "optional"
        context.verify_mode = ssl.CERT_OPTIONAL if optional else ssl.CERT_REQUIRED
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", int(sys.argv[1])))
    listener.listen(64)
    print(listener.getsockname()[1], flush=True)
    number = 0
    while True:
        sock, _ = listener.accept()
        threading.Thread(target=attend, args=(sock, number, plan, context), daemon=True).start()
        number += 1


main()
