"""Settings that are valid and still wrong: names of other programs, misspelled names, and texts that are no secrets."""

import difflib
import os
import re

# Names that people bring from other programs, and what they may mean here. The first that the backend has applies.
THEIRS = {
    "ALLOWED_ORIGINS": "TRUSTED_ORIGINS CORS_ORIGINS", "CORS_ALLOWED_ORIGINS": "TRUSTED_ORIGINS CORS_ORIGINS", "CORS_ORIGIN": "TRUSTED_ORIGINS CORS_ORIGINS",
    "CORS_ALLOW_ORIGINS": "TRUSTED_ORIGINS CORS_ORIGINS", "CORS_ORIGINS": "TRUSTED_ORIGINS",
    # Better Auth, NextAuth, Auth.js
    "BETTER_AUTH_SECRET": "AUTH_SECRET", "BETTER_AUTH_SECRETS": "AUTH_SECRETS", "BETTER_AUTH_URL": "AUTH_URL", "BETTER_AUTH_TRUSTED_ORIGINS": "TRUSTED_ORIGINS",
    "NEXTAUTH_SECRET": "AUTH_SECRET", "NEXTAUTH_URL": "AUTH_URL", "NEXT_PUBLIC_BETTER_AUTH_URL": "AUTH_URL", "AUTH_TRUST_HOST": "TRUSTED_PROXY_HOPS",
    "SESSION_SECRET": "AUTH_SECRET", "SECRET_KEY": "AUTH_SECRET", "JWT_SECRET": "AUTH_SECRET JWT_JWKS_URL",
    "GITHUB_CLIENT_ID": "PROVIDERS", "GITHUB_CLIENT_SECRET": "PROVIDERS", "GITHUB_ID": "PROVIDERS", "GITHUB_SECRET": "PROVIDERS",
    "GOOGLE_CLIENT_ID": "PROVIDERS", "GOOGLE_CLIENT_SECRET": "PROVIDERS", "AUTH_GITHUB_ID": "PROVIDERS", "AUTH_GOOGLE_ID": "PROVIDERS",
    "CLIENT_ID": "OAUTH_CLIENT_ID", "CLIENT_SECRET": "OAUTH_CLIENT_SECRET", "HF_CLIENT_ID": "OAUTH_CLIENT_ID", "HF_CLIENT_SECRET": "OAUTH_CLIENT_SECRET",
    "HUGGINGFACE_CLIENT_ID": "OAUTH_CLIENT_ID", "HUGGINGFACE_CLIENT_SECRET": "OAUTH_CLIENT_SECRET",
    # huggingface_hub, LangChain, LlamaIndex
    "HUGGING_FACE_HUB_TOKEN": "HF_TOKEN", "HUGGINGFACE_HUB_TOKEN": "HF_TOKEN", "HUGGINGFACEHUB_API_TOKEN": "HF_TOKEN", "HUGGINGFACE_TOKEN": "HF_TOKEN",
    "HUGGINGFACE_API_KEY": "HF_TOKEN", "HF_API_TOKEN": "HF_TOKEN", "HF_API_KEY": "HF_TOKEN", "HF_ACCESS_TOKEN": "HF_TOKEN",
    "HF_INFERENCE_ENDPOINT": "UPSTREAM_URL", "HF_ENDPOINT": "UPSTREAM_URL",
    # OpenAI and what speaks its API
    "OPENAI_API_KEY": "UPSTREAM_API_KEYS", "OPENAI_KEY": "UPSTREAM_API_KEYS", "OPENAI_BASE_URL": "UPSTREAM_URL", "OPENAI_API_BASE": "UPSTREAM_URL",
    "OPENAI_API_BASE_URL": "UPSTREAM_URL", "OPENAI_MODEL": "DEFAULT_MODEL", "ANTHROPIC_API_KEY": "UPSTREAM_API_KEYS", "ANTHROPIC_BASE_URL": "UPSTREAM_URL",
    "AZURE_OPENAI_API_KEY": "UPSTREAM_API_KEYS", "AZURE_OPENAI_ENDPOINT": "UPSTREAM_URL", "OLLAMA_HOST": "UPSTREAM_URL", "VLLM_API_KEY": "UPSTREAM_API_KEYS",
    "LITELLM_MASTER_KEY": "API_KEYS", "LITELLM_API_KEY": "API_KEYS", "MODEL_NAME": "DEFAULT_MODEL", "MODEL_ID": "DEFAULT_MODEL",
}
SECRET = re.compile(r"KEY|(?<!KEEP_PROVIDER_)TOKEN|SECRET|PASSWORD")  # KEEP_PROVIDER_TOKEN is a choice
QUOTED = re.compile(r"\s*((['\"]).*\2|[\u2018\u201c].*[\u2019\u201d])\s*", re.S)  # also curly ones
PLACEHOLDER = re.compile(r"change-?me|x{6}|your[-_]|<your|^.{0,4}(?:x|\*|\.){3,}$|^(?:todo|secret|password|token)$", re.I)
PROVIDER = ("_PROVIDER_URL", "_CLIENT_ID", "_CLIENT_SECRET", "_SCOPES", "_CLIENT_AUTH")  # the settings of one of PROVIDERS


THIS_MACHINE = re.compile(r"//(localhost|127\.|\[::1\])")


def known(folder):
    """The names that the backend in a folder has, from its .env.example."""
    try:
        with open(os.path.join(folder, ".env.example"), encoding="utf-8") as file:
            return set(re.findall(r"^#?([A-Z][A-Z0-9_]*)=", file.read(), re.M))
    except OSError:
        return set()


def elsewhere(root, backend):
    """The names that other backends have, and which one."""
    others = sorted(it for it in os.listdir(root) if it.endswith("-backend") and it != backend)
    return {name: other for other in others for name in known(os.path.join(root, other))}


def public(names, values):
    """The settings whose values may be shown: the backend's own that hold no secret. An address may have a key in it."""
    return {name for name in values if name in names and not SECRET.search(name) and "@" not in values[name] and "?" not in values[name]}


def local_tokens(environment):
    """The deploy token on this machine, where the Hub's client looks for it."""
    home = environment.get("HF_HOME") or os.path.join(environment.get("HOME", ""), ".cache/huggingface")
    found = [environment.get("HF_TOKEN", ""), environment.get("HUGGING_FACE_HUB_TOKEN", "")]
    try:
        with open(os.path.join(home, "token"), encoding="utf-8") as file:
            found.append(file.read().strip())
    except OSError:
        pass
    return {token for token in found if token}


def meant(name, names, values):
    """The setting that an unknown name may mean, or None. What is set itself is not suggested."""
    providers = re.split(r"[\s,]+", values.get("PROVIDERS", "").upper().replace("-", "_"))
    if any(name == provider + suffix for provider in providers if provider for suffix in PROVIDER):
        return None
    ours = [it for it in (name.upper(), *THEIRS.get(name, "").split()) if it in names]
    ours += [it for it in sorted(names) if len(it) >= 8 and name.endswith("_" + it)]
    ours += difflib.get_close_matches(name, sorted(names), n=1, cutoff=0.86)
    return next((it for it in ours if it not in values), None)


def find(names, values, tokens, others=None, variables=()):
    """One sentence per mistake. No sentence has a value of a secret. `others` has the names of other backends, and
    `variables` those that visitors can read."""
    found = []
    for name in sorted(set(values) - names):
        ours, other = meant(name, names, values), (others or {}).get(name)
        if other:
            found.append(f"{name} is a setting of {other}, and not of this backend" + (f"; did you mean {ours}?" if ours else ""))
        elif ours:
            pair = " together with UPSTREAM_URL" if ours == "UPSTREAM_API_KEYS" and "UPSTREAM_URL" not in values else ""
            found.append(f"{name} is not a setting of this backend; did you mean {ours}{pair}?")
    secrets = {name: value for name, value in values.items() if SECRET.search(name)}
    for name, value in secrets.items():
        if QUOTED.fullmatch(value):
            found.append(f"{name} has quotes around it: remove them")
        elif PLACEHOLDER.search(value):
            found.append(f"{name} is a placeholder: put the secret itself there")
        elif value in tokens:
            found.append(f"{name} is the token that deploys: create another one for the service, without write access")
        elif re.match(r"bearer\s", value, re.I):
            found.append(f"{name} begins with the word Bearer: remove it")
        if name in variables:
            found.append(f"{name} is a secret, and --variable lets every visitor read it")
    for name, value in values.items():
        if (name.endswith("_URL") or name in ("JWT_ISSUER", "JWT_AUDIENCE")) and THIS_MACHINE.search(value):
            found.append(f"{name} is an address of this machine: a Space needs one on the internet")
    issuer, audience = values.get("JWT_ISSUER", ""), values.get("JWT_AUDIENCE", "")
    if audience and issuer.endswith(".hf.space") and audience != issuer:
        found.append("JWT_AUDIENCE differs from JWT_ISSUER: tokens of nodejs-backend have its origin as both")
    for name, value in secrets.items():
        same = [other for other in secrets if other > name and secrets[other] == value]
        found += [f"{name} and {other} have the same value: use a secret for one purpose only" for other in same if len(value) > 3]
    return found
