"""Makes the folder that is sent: from the staged source, from a built binary, or from an image."""

import os
import re
import shutil
import subprocess

IMAGE = re.compile(r"[\w.-]+(?::\d+)?(?:/[\w.-]+)+(?::[\w.-]+)?@sha256:[0-9a-f]{64}")


class Unusable(Exception):
    pass


def stage(root, backend, to, image=None, binary=False):
    if not os.path.isfile(os.path.join(root, backend, "Dockerfile")):
        raise Unusable(f"no backend named {backend!r}; there are: " + " ".join(sorted(it for it in os.listdir(root) if it.endswith("-backend"))))
    if image is None and not binary:
        subprocess.run([os.path.join(root, "scripts/stage.sh"), backend, to], check=True)
        return
    shutil.copy(os.path.join(root, backend, "README.md"), to)
    if image is not None:
        if not IMAGE.fullmatch(image):
            raise Unusable(f"{image!r} is no image of a registry by its digest: REGISTRY/NAME@sha256: and 64 hexadecimal digits")
        dockerfile = f"FROM {image}\n"
    else:
        built = os.path.join(root, "dist", backend)
        if not os.path.isfile(built):
            raise Unusable(f"there is no dist/{backend}; scripts/build.sh {backend} makes it")
        shutil.copy(built, to)
        with open(os.path.join(root, backend, "Dockerfile"), encoding="utf-8") as file:
            # An upload loses the executable bits, hence --chmod.
            dockerfile, copies = re.subn(r"COPY --from=build /src/dist/", "COPY --chmod=755 ", file.read())
        if copies != 1:
            raise Unusable(f"{backend}/Dockerfile was expected to copy one binary from the build")
    with open(os.path.join(to, "Dockerfile"), "w", encoding="utf-8") as file:
        file.write(dockerfile)


def files(folder):
    paths = (os.path.join(at, name) for at, _, names in os.walk(folder) for name in names)
    return {os.path.relpath(path, folder): os.path.getsize(path) for path in paths}
