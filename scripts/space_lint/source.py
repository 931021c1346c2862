"""Finds where a Python or JavaScript program listens, if its first file says so itself."""

import ast
import re

from .servers import ALL, LOCAL

# Calls that start a server: the default address and port, and the names of their arguments.
CALLS = {
    "uvicorn.run": (LOCAL, 8000, "host", "port"),
    "Flask.run": (LOCAL, 5000, "host", "port"),
    "SocketIO.run": (LOCAL, 5000, "host", "port"),
    "Quart.run": (LOCAL, 5000, "host", "port"),
    "Dash.run": (LOCAL, 8050, "host", "port"),
    "Dash.run_server": (LOCAL, 8050, "host", "port"),
    "gradio.launch": (LOCAL, 7860, "server_name", "server_port"),
}
ENVIRONMENT = {  # variables that replace a default
    "gradio.launch": ("GRADIO_SERVER_NAME", "GRADIO_SERVER_PORT"),
    "Dash.run": ("HOST", "PORT"), "Dash.run_server": ("HOST", "PORT"),
    "Flask.run": ("FLASK_RUN_HOST", "FLASK_RUN_PORT"),
}
CLASSES = {"Flask", "SocketIO", "Quart", "Dash"}
GRADIO = {"Blocks", "Interface", "ChatInterface", "TabbedInterface"}


class Values:
    """Evaluates the expressions that programs use for addresses and ports."""

    def __init__(self, tree, env):
        self.env, self.names = env, {}
        for node in ast.walk(tree):
            if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
                name = node.targets[0].id
                self.names[name] = None if name in self.names else node.value  # assigned twice: not known

    def __call__(self, node, depth=0):
        """Returns the value as text, or None if only the running program knows it."""
        if depth > 5 or node is None:
            return None
        if isinstance(node, ast.Constant):
            return str(node.value)
        if isinstance(node, ast.Name):
            return self(self.names.get(node.id), depth + 1)
        if isinstance(node, ast.BoolOp) and isinstance(node.op, ast.Or):
            parts = [self(it, depth + 1) for it in node.values]
            return next((it for it in parts if it != "None"), None) if None not in parts else None
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            if called in ("int", "str") and len(node.args) == 1:
                return self(node.args[0], depth + 1)
            if called in ("os.getenv", "os.environ.get", "getenv", "environ.get") and node.args and isinstance(node.args[0], ast.Constant):
                if node.args[0].value in self.env:
                    return self.env[node.args[0].value]
                return self(node.args[1], depth + 1) if len(node.args) > 1 else "None"
        return None


def kind(node, names):
    """Returns which entry of CALLS this call is, or None."""
    if not isinstance(node.func, ast.Attribute):
        return None
    owner, method = node.func.value, node.func.attr
    while isinstance(owner, ast.Call) and isinstance(owner.func, ast.Attribute) and method == "launch" and owner.func.attr == "queue":
        owner = owner.func.value  # demo.queue().launch()
    if isinstance(owner, ast.Name) and owner.id == "uvicorn":
        return "uvicorn.run" if method == "run" else None
    made = names.get(owner.id) if isinstance(owner, ast.Name) else owner
    made = ast.unparse(made.func).rpartition(".")[2] if isinstance(made, ast.Call) else None
    if method == "launch":
        return "gradio.launch" if made in GRADIO else None
    return f"{made}.{method}" if made in CLASSES and f"{made}.{method}" in CALLS else None


def python(text, env):
    """Returns (call, line, address, port) of each call that starts a server."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return []
    values, found = Values(tree, env), []
    names = dict(values.names)
    for node in ast.walk(tree):
        if isinstance(node, ast.With):  # with gr.Blocks() as demo
            names.update((it.optional_vars.id, it.context_expr) for it in node.items if isinstance(it.optional_vars, ast.Name))
    for node in ast.walk(tree):
        name = kind(node, names) if isinstance(node, ast.Call) else None
        if name is None:
            continue
        host, port, host_name, port_name = CALLS[name]
        keywords = {it.arg: it.value for it in node.keywords}
        variables = ENVIRONMENT.get(name, ("", ""))
        host, port = env.get(variables[0], host), env.get(variables[1], str(port))
        if None in keywords or len(node.args) > 1:  # **options, or arguments by position
            host = port = None
        host = values(keywords[host_name]) if host_name in keywords else host
        port = values(keywords[port_name]) if port_name in keywords else port
        found.append((name, node.lineno, host, port))
    return found


NUMBER = r"(?:Number|parseInt|\+)?\s*\(?\s*"
FALLBACK = re.compile(r"(?:const|let|var)\s+(\w+)(?:\s*:\s*\w+)?\s*=\s*" + NUMBER + r"process\.env\.(\w+)\s*(?:\|\||\?\?)\s*['\"]?(\d+)")
LITERAL = re.compile(r"(?:const|let|var)\s+(\w+)(?:\s*:\s*\w+)?\s*=\s*(\d+)\s*(?:;|$)", re.M)
LISTEN = re.compile(r"\.listen\(\s*(?:(\d+)|(\w+)|" + NUMBER + r"process\.env\.(\w+)\s*(?:\|\||\?\?)\s*['\"]?(\d+)['\"]?\s*\)?)\s*(?:,\s*(?:(['\"])([^'\"]*)\5|(\w+)))?")


def javascript(text, env):
    """Returns (call, line, address, port) of each call of listen()."""
    text = re.sub(r"^\s*//.*", "", text, flags=re.M)
    ports = {name: env.get(variable, number) for name, variable, number in FALLBACK.findall(text)}
    ports.update(LITERAL.findall(text))
    found = []
    for match in LISTEN.finditer(text):
        port = match[1] or ports.get(match[2]) or (env.get(match[3], match[4]) if match[3] else None)
        host = match[6] if match[5] else None if match[7] and match[7] not in ("function", "async") else ALL
        found.append(("listen", text.count("\n", 0, match.start()) + 1, host, port))
    return found
