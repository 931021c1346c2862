"""Where well-known servers listen: their defaults, options and variables."""

from typing import NamedTuple

LOCAL, ALL = "127.0.0.1", "0.0.0.0"
LOOPBACKS = ("127.0.0.1", "localhost", "::1", "[::1]")


class Server(NamedTuple):
    host: str  # the default address
    port: int  # the default port
    hosts: tuple = ("--host",)  # options with an address
    ports: tuple = ("--port",)  # options with a port
    binds: tuple = ()  # options with an address, a port or both
    host_env: tuple = ()  # variables with an address
    port_env: tuple = ()  # variables with a port
    bind_env: tuple = ()  # variables with an address, a port or both
    positional: bool = False  # an argument without an option can be ADDRESS, PORT or ADDRESS:PORT
    bare_host: bool = False  # --host without a value means all addresses
    args_env: str = ""  # a variable with more options
    port_env_for_all: tuple = ()  # variables with a port, at all addresses
    config: tuple = ()  # options with a configuration file, which this linter does not read
    files: tuple = ()  # configuration files that the program reads by itself


HP = {"hosts": ("--host", "-h"), "ports": ("--port", "-p")}
VITE = {"bare_host": True, "files": ("vite.config.js", "vite.config.ts", "vite.config.mjs", "vite.config.mts", "vite.config.cjs"), "config": ("-c", "--config")}
NEXT = Server(ALL, 3000, ("-H", "--hostname"), ("-p", "--port"), port_env=("PORT",))
STREAMLIT = Server(ALL, 8501, ("--server.address",), ("--server.port",), host_env=("STREAMLIT_SERVER_ADDRESS",), port_env=("STREAMLIT_SERVER_PORT",), files=(".streamlit/config.toml",))
JUPYTER = Server(LOCAL, 8888, ("--ip", "--ServerApp.ip", "--NotebookApp.ip"), ("--port", "--ServerApp.port", "--NotebookApp.port"), config=("--config",), port_env=("JUPYTER_PORT",), files=("jupyter_server_config.py", "jupyter_lab_config.py", "jupyter_notebook_config.py"))
MLFLOW = Server(LOCAL, 5000, **HP, host_env=("MLFLOW_HOST",), port_env=("MLFLOW_PORT",))
VLLM = Server(ALL, 8000, config=("--config",))

# By program, or by program and subcommand. A program without its subcommand is no server.
SERVERS = {
    "uvicorn": Server(LOCAL, 8000, host_env=("UVICORN_HOST",), port_env=("UVICORN_PORT",), config=("--uds", "--fd")),
    "gunicorn": Server(LOCAL, 8000, (), (), ("-b", "--bind"), args_env="GUNICORN_CMD_ARGS", port_env_for_all=("PORT",), config=("-c", "--config"), files=("gunicorn.conf.py",)),
    "hypercorn": Server(LOCAL, 8000, (), (), ("-b", "--bind"), config=("-c", "--config")),
    "daphne": Server(LOCAL, 8000, ("-b", "--bind"), ("-p", "--port"), config=("-e", "--endpoint", "-u")),
    "granian": Server(LOCAL, 8000, host_env=("GRANIAN_HOST",), port_env=("GRANIAN_PORT",), config=("--uds",)),
    "waitress-serve": Server(ALL, 8080, binds=("--listen",), config=("--unix-socket",)),
    "sanic": Server(LOCAL, 8000, ("-H", "--host"), ("-p", "--port")),
    "flask run": Server(LOCAL, 5000, **HP, host_env=("FLASK_RUN_HOST",), port_env=("FLASK_RUN_PORT",), files=(".flaskenv",)),
    "quart run": Server(LOCAL, 5000, **HP),
    "litestar run": Server(LOCAL, 8000, ("-H", "--host"), ("-p", "--port"), host_env=("LITESTAR_HOST",), port_env=("LITESTAR_PORT",)),
    "fastapi run": Server(ALL, 8000, host_env=("HOST",), port_env=("PORT",)),
    "fastapi dev": Server(LOCAL, 8000, host_env=("HOST",), port_env=("PORT",)),
    "manage.py runserver": Server(LOCAL, 8000, (), (), positional=True),
    "http.server": Server(ALL, 8000, ("-b", "--bind"), (), positional=True),
    "streamlit run": STREAMLIT,
    "streamlit hello": STREAMLIT,
    "chainlit run": Server(LOCAL, 8000, host_env=("CHAINLIT_HOST",), port_env=("CHAINLIT_PORT",)),
    "gradio": Server(LOCAL, 7860, (), (), host_env=("GRADIO_SERVER_NAME",), port_env=("GRADIO_SERVER_PORT",)),
    "panel serve": Server(ALL, 5006, ("--address",)),
    "bokeh serve": Server(ALL, 5006, ("--address",)),
    "shiny run": Server(LOCAL, 8000, ("-h", "--host"), ("-p", "--port")),
    "marimo run": Server(LOCAL, 2718, ports=("-p", "--port")),
    "marimo edit": Server(LOCAL, 2718, ports=("-p", "--port")),
    "voila": Server(LOCAL, 8866, ("--Voila.ip",), ("--port", "--Voila.port")),
    "jupyter lab": JUPYTER, "jupyter notebook": JUPYTER, "jupyter server": JUPYTER, "jupyter-lab": JUPYTER, "jupyter-notebook": JUPYTER,
    "mlflow server": MLFLOW, "mlflow ui": MLFLOW,
    "tensorboard": Server(LOCAL, 6006, config=("--bind_all",)),
    "datasette": Server(LOCAL, 8001, **HP, config=("--uds",)),
    "mkdocs serve": Server(LOCAL, 8000, (), (), ("-a", "--dev-addr"), config=("-f", "--config-file"), files=("mkdocs.yml",)),
    "adk web": Server(LOCAL, 8000), "adk api_server": Server(LOCAL, 8000),
    "langgraph dev": Server(LOCAL, 2024),
    "vllm serve": VLLM, "vllm.entrypoints.openai.api_server": VLLM,
    "llama-server": Server(LOCAL, 8080, host_env=("LLAMA_ARG_HOST",), port_env=("LLAMA_ARG_PORT",)),
    "llama_cpp.server": Server(LOCAL, 8000, host_env=("HOST",), port_env=("PORT",), config=("--config_file",)),
    "ollama serve": Server(LOCAL, 11434, (), (), bind_env=("OLLAMA_HOST",)),
    "serve": Server(ALL, 3000, (), ("-p",), ("-l", "--listen"), port_env=("PORT",)),
    "http-server": Server(ALL, 8080, ("-a",), ("-p", "--port"), port_env=("PORT",)),
    "json-server": Server(LOCAL, 3000, ("-h", "-H", "--host"), ("-p", "--port"), port_env=("PORT",), host_env=("HOST",), files=("json-server.json",)),
    "next start": NEXT, "next dev": NEXT,
    "vite": Server(LOCAL, 5173, **VITE), "vite dev": Server(LOCAL, 5173, **VITE), "vite preview": Server(LOCAL, 4173, **VITE),
    "astro dev": Server(LOCAL, 4321, bare_host=True, files=("astro.config.mjs", "astro.config.ts", "astro.config.js")),
    "astro preview": Server(LOCAL, 4321, bare_host=True, files=("astro.config.mjs", "astro.config.ts", "astro.config.js")),
    "ng serve": Server(LOCAL, 4200, files=("angular.json",)),
    "react-scripts start": Server(ALL, 3000, (), (), host_env=("HOST",), port_env=("PORT",)),
    "gatsby serve": Server(LOCAL, 9000, ("-H", "--host"), ("-p", "--port")),
    "php": Server(LOCAL, 8000, (), (), ("-S",)),  # only with -S
    "artisan serve": Server(LOCAL, 8000, host_env=("SERVER_HOST",), port_env=("SERVER_PORT",)),
    "jekyll serve": Server(LOCAL, 4000, ("-H", "--host"), ("-P", "--port"), files=("_config.yml",)),
    "hugo server": Server(LOCAL, 1313, ("--bind",), ("-p", "--port")),
    "pocketbase serve": Server(LOCAL, 8090, (), (), ("--http",), config=("--https",)),
    "code-server": Server(LOCAL, 8080, binds=("--bind-addr",), config=("--config", "--socket"), port_env=("PORT",)),
    "n8n": Server(ALL, 5678, (), (), port_env=("N8N_PORT",), host_env=("N8N_LISTEN_ADDRESS",)),
    "httpd-foreground": Server(ALL, 80, (), (), files=("httpd.conf",)),
}

# What these images start, and the variables they set, if a Dockerfile based on them says nothing else.
IMAGES = {
    "nginx": (["nginx"], {}),
    "nginxinc/nginx-unprivileged": (["nginx", "8080"], {}),
    "httpd": (["httpd-foreground"], {}),
    "ollama/ollama": (["ollama", "serve"], {"OLLAMA_HOST": "0.0.0.0:11434"}),
    "n8nio/n8n": (["n8n"], {}),
}

ONE_SHOT = {"build", "migrate", "makemigrations", "collectstatic", "install", "generate", "export", "db", "init", "pull", "help", "version", "--version", "--help", "-v", "optimize", "check", "create", "list"}


def find(program, args):
    """Returns the name and row of the server that this command starts, or None."""
    words = [word for word in args if not word.startswith("-")]
    for word in words:
        if f"{program} {word}" in SERVERS:
            return f"{program} {word}", SERVERS[f"{program} {word}"]
    if program not in SERVERS or words and words[0] in ONE_SHOT or args[:1] and args[0] in ONE_SHOT or program == "php" and not any(word.startswith("-S") for word in args):
        return None
    return program, SERVERS[program]


def address(text):
    """Splits ADDRESS, PORT or ADDRESS:PORT. What is missing is None."""
    text = text.partition("://")[2] or text
    host, colon, port = text.rpartition(":")
    if text.isdecimal():
        return None, text
    if colon and not (text.startswith("[") and text.endswith("]")):
        return host or ALL, port
    return text, None


def values(args, names):
    """Returns the values of these options; None for one without a value."""
    found = []
    for at, word in enumerate(args):
        for name in names:
            following = args[at + 1] if at + 1 < len(args) else None
            if word == name:
                found.append(following if following is not None and not following.startswith("-") else None)
            elif word.startswith(name + "="):
                found.append(word[len(name) + 1:])
            elif len(name) == 2 and name[0] == "-" and word.startswith(name) and word[2:3] not in ("", "-") and (word[2].isdigit() or ":" in word):
                found.append(word[2:])
    return found


def listens(server, args, env):
    """Returns the pairs of address and port at which the server listens, as texts; None where a configuration decides."""
    if values(args, server.config):
        return [(None, None)]
    host, port = server.host, str(server.port)
    host = next((env[name] for name in server.host_env if env.get(name)), host)
    port = next((env[name] for name in server.port_env if env.get(name)), port)
    for name in server.bind_env:
        if env.get(name):
            at, number = address(env[name])
            host, port = at or host, number or port
    for name in server.port_env_for_all:
        if env.get(name):
            host, port = ALL, env[name]
    args = env.get(server.args_env, "").split() + args
    for value in values(args, server.hosts):
        host = value if value is not None else ALL if server.bare_host else host
    for value in values(args, server.ports):
        port = value if value is not None else port
    bound = [value for value in values(args, server.binds) if value]
    if server.positional:
        options = server.hosts + ("-d", "--directory", "--settings")
        free = [word for before, word in zip([""] + args, args) if not word.startswith("-") and before not in options]
        bound = [word for word in free if word.isdecimal() or ":" in word or word.startswith(("$", "\0"))][:1]
    if bound:
        return [(at or host, number or port) for at, number in map(address, bound)]
    return [(host, port)]
