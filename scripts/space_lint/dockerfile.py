"""Checks a Dockerfile without building it."""

from . import build_secrets, image, instructions, listening, package_json, scripts, servers, sources, start, syntax, users
from .finding import Finding


def check(text, port, folder=None, sent=None, by_upload=False, built=False):
    """port: app_port, or None if the front matter cannot be read. folder: the files that the commands refer to. sent: the files that the Hub gets. built: this folder is also built here."""
    folder = folder or start.Folder("", [])
    every = instructions.steps(text)
    all_stages = instructions.stages(every)
    if not all_stages:
        return [Finding("Dockerfile", 0, "base", image.NO_BASE, "no FROM")]
    chain = instructions.chain(all_stages)
    base, last = chain[0].base, [step for stage in chain for step in stage.steps]
    scratch, whole = base.lower() == "scratch", "@sha256:" in base and not last
    name = base.partition("@")[0].partition(":")[0].removeprefix("docker.io/").removeprefix("library/")
    inherited, values = servers.IMAGES.get(name, (None, {}))
    found = syntax.check(every) + syntax.program(last) + (syntax.itself(last) if inherited or scratch or image.PLAIN.match(base) else [])
    found += image.check(every, all_stages, chain, last, scratch, whole)
    found += users.check(last, base, scratch, whole)
    found += build_secrets.check(all_stages)
    found += sources.check(all_stages, sent or folder)
    found += sources.unsent(all_stages, sent or folder) if built else []
    found += scripts.check(all_stages, last, sent or folder, by_upload)
    found += package_json.check(all_stages, last, sent or folder)
    if port is not None:
        env = instructions.environment(values, last)
        found += listening.check(last, env, folder, port, inherited, bool(inherited or scratch or image.PLAIN.match(base)), not whole)
    return found
