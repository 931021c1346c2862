"""Creates the folder to send: from the staged source, from a built binary, or from an image."""

import os
import re
import shutil
import subprocess

IMAGE = re.compile(r"[\w.-]+(?::\d+)?(?:/[\w.-]+)+(?::[\w.-]+)?@sha256:[0-9a-f]{64}")


class FolderError(Exception):
    """The folder cannot be created, or it has errors."""


def require(root, backend):
    """Raises FolderError if there is no such backend."""
    if not os.path.isfile(os.path.join(root, backend, "Dockerfile")):
        raise FolderError(f"unknown backend {backend!r}; the backends are: " + " ".join(sorted(it for it in os.listdir(root) if it.endswith("-backend"))))


def stage(root, backend, to, image=None, binary=False):
    if image is None and not binary:
        subprocess.run([os.path.join(root, "scripts/stage.sh"), backend, to], check=True)
        return
    shutil.copy(os.path.join(root, backend, "README.md"), to)
    if image is not None:
        if not IMAGE.fullmatch(image):
            raise FolderError(f"--image {image!r} must be an image with its digest: REGISTRY/NAME@sha256: and 64 hexadecimal digits")
        dockerfile = f"FROM {image}\n"
    else:
        built = os.path.join(root, "dist", backend)
        if not os.path.isfile(built):
            raise FolderError(f"dist/{backend} is missing; build it with scripts/build-image.sh {backend}, or with Rust by scripts/build.sh {backend}")
        shutil.copy(built, to)
        with open(os.path.join(root, backend, "Dockerfile"), encoding="utf-8") as file:
            # --chmod, because an upload loses the executable bits.
            dockerfile, copies = re.subn(r"COPY --from=build /src/dist/", "COPY --chmod=755 ", file.read())
        if copies != 1:
            raise FolderError(f"{backend}/Dockerfile must copy exactly one binary from the build stage")
    with open(os.path.join(to, "Dockerfile"), "w", encoding="utf-8") as file:
        file.write(dockerfile)


def files(folder):
    paths = (os.path.join(at, name) for at, _, names in os.walk(folder) for name in names)
    return {os.path.relpath(path, folder): os.path.getsize(path) for path in paths}
