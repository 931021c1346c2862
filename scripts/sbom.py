#!/usr/bin/env python3
"""Writes dist/NAME.cdx.json: the components of a binary as CycloneDX 1.6, validated against its schema.

usage: scripts/sbom.sh [BACKEND ...]     (default: all; requires dist/ from scripts/build.sh)
The list of crates comes from the binary, licenses from cargo metadata, hashes of the sources from Cargo.lock.
The same binary gives the same file, because it contains neither a time nor a random number.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tomllib
import uuid
import zlib

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentScope, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def inside(path):
    """Returns the crates that cargo auditable has recorded in the binary."""
    section = subprocess.run(["objcopy", "--dump-section", ".dep-v0=/dev/stdout", path, "/dev/null"], stdout=subprocess.PIPE, check=True).stdout
    return json.loads(zlib.decompress(section))["packages"]


def known():
    """Returns license and hash of the sources by name and version."""
    cargo = shutil.which("cargo") or "/usr/bin/cargo"
    metadata = json.loads(subprocess.check_output([cargo, "metadata", "--locked", "--all-features", "--format-version", "1"], cwd=ROOT))
    with open(os.path.join(ROOT, "Cargo.lock"), "rb") as file:
        sums = {(it["name"], it["version"]): it.get("checksum") for it in tomllib.load(file)["package"]}
    return {(it["name"], it["version"]): (it["license"], sums.get((it["name"], it["version"]))) for it in metadata["packages"]}


def component(package, more, kind=ComponentType.LIBRARY):
    license, checksum = more.get((package["name"], package["version"]), (None, None))
    purl = PackageURL("cargo", name=package["name"], version=package["version"])
    return Component(
        name=package["name"], version=package["version"], type=kind, purl=purl, bom_ref=str(purl),
        licenses=[LicenseFactory().make_from_string(license.replace("/", " OR "))] if license else [],
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=checksum)] if checksum else [],
        # Crates that only ran during the build are not part of the binary.
        scope=ComponentScope.EXCLUDED if package.get("kind") == "build" else ComponentScope.REQUIRED)


def sbom(path, name, more):
    packages = inside(path)
    (root,) = [it for it in packages if it.get("root")]
    components = [component(it, more, ComponentType.APPLICATION if it is root else ComponentType.LIBRARY) for it in packages]
    own = components[packages.index(root)]
    with open(path, "rb") as file:
        content = file.read()
    digest = hashlib.sha256(content).hexdigest()
    own.hashes.add(HashType(alg=HashAlgorithm.SHA_256, content=digest))
    own.properties.add(Property(name="size", value=str(len(content))))
    bom = Bom(components=[it for it in components if it is not own], serial_number=uuid.uuid5(uuid.NAMESPACE_URL, f"sha256:{digest}"))
    bom.metadata.component = own
    for package, one in zip(packages, components):
        bom.register_dependency(one, [components[it] for it in package.get("dependencies", [])])
    document = json.loads(JsonV1Dot6(bom).output_as_string())
    document["metadata"].pop("timestamp", None)
    return json.dumps(document, indent=1, sort_keys=True) + "\n"


def main():
    names = sys.argv[1:] or sorted(it for it in os.listdir(ROOT) if it.endswith("-backend"))
    more, failed = known(), False
    for name in names:
        path = os.path.join(ROOT, "dist", name)
        if not os.path.exists(path):
            sys.exit(f"sbom: dist/{name} is missing; build it with scripts/build.sh {name}")
        text = sbom(path, name, more)
        for problem in JsonStrictValidator(SchemaVersion.V1_6).validate_str(text, all_errors=True) or []:
            print(f"sbom: {name}: {problem}", file=sys.stderr)
            failed = True
        with open(f"{path}.cdx.json", "w", encoding="utf-8") as file:
            file.write(text)
        parts = json.loads(text)["components"]
        print(f"sbom: dist/{name}.cdx.json: {len(parts)} crates, {sum('licenses' in it for it in parts)} with a license, "
              f"{sum('hashes' in it for it in parts)} with the SHA-256 of their sources, {len(text)} bytes, valid CycloneDX 1.6" * (not failed))
    return failed


if __name__ == "__main__":
    sys.exit(main())
