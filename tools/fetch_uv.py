"""Fetches the uv that uv.lock pins, with the standard library alone (`run` calls it).

    python3 fetch_uv.py --requirement    prints the pin as pip takes it, e.g. uv==1.2.3
    python3 fetch_uv.py FILE             writes the program to FILE

The wheel must have the SHA-256 that the lock states. That is why a machine with no certificate
authorities installed, such as a bare Debian, may fetch it without checking the server's name.
"""

from __future__ import annotations

import hashlib
import io
import os
import platform
import re
import ssl
import sys
import tomllib
import urllib.error
import urllib.request
import zipfile
from pathlib import Path

LOCK = Path(__file__).resolve().parent.parent / "uv.lock"
MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}


def pinned(lock: Path) -> dict:
    """The entry of uv in the lock file."""
    packages = tomllib.loads(lock.read_text(encoding="utf-8"))["package"]
    return next(package for package in packages if package["name"] == "uv")


def wheel_for(package: dict, system: str, machine: str, libc: str) -> dict:
    """The wheel's ``url`` and ``hash`` for a platform as `platform` names it; exits where there is none."""
    machine = MACHINES.get(machine.lower(), machine.lower())
    if system == "Darwin":
        tag = rf"macosx_\d+_\d+_{'arm64' if machine == 'aarch64' else machine}"
    else:
        tag = rf"{'manylinux' if libc == 'glibc' else 'musllinux'}_\d+_\d+_{machine}"
    for wheel in sorted(package["wheels"], key=lambda wheel: wheel["url"].rpartition("/")[2]):
        if re.search(rf"[-.]{tag}[.]", wheel["url"].rpartition("/")[2]):
            return wheel
    sys.exit(f"uv {package['version']} has no wheel for {system} on {machine} ({libc or 'unknown libc'})")


def download(url: str) -> bytes:
    """The bytes at ``url``; without certificates where the machine has none to check by."""
    for context in (ssl.create_default_context(), ssl._create_unverified_context()):
        try:
            with urllib.request.urlopen(url, timeout=60, context=context) as answer:
                return answer.read()
        except urllib.error.URLError as error:
            if not isinstance(error.reason, ssl.SSLCertVerificationError):
                sys.exit(f"could not fetch {url}: {error.reason}")
    sys.exit(f"could not fetch {url}: TLS failed")


def main(argument: str) -> None:
    """Does what the module's head says."""
    package = pinned(LOCK)
    if argument == "--requirement":
        print(f"uv=={package['version']}")
        return
    wheel = wheel_for(package, platform.system(), platform.machine(), platform.libc_ver()[0])
    content = download(wheel["url"])
    digest = "sha256:" + hashlib.sha256(content).hexdigest()
    if digest != wheel["hash"]:
        sys.exit(f"{wheel['url']} has {digest}, but uv.lock says {wheel['hash']}: not used")
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        member = next(name for name in archive.namelist() if name.endswith("/scripts/uv"))
        new = Path(f"{argument}.{os.getpid()}")
        new.write_bytes(archive.read(member))
    new.chmod(0o755)
    new.replace(argument)


if __name__ == "__main__":
    main(*sys.argv[1:])
