#!/usr/bin/env python3
"""Tests that the linter finds each common mistake, and that it accepts correct folders that look similar.
Each mistake is a small folder, and a test of its own.
usage: scripts/test-lint-mistakes.py"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

SCRIPTS = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path.insert(0, SCRIPTS)
from space_lint import __main__ as lint  # noqa: E402
from space_lint import gitignore, servers  # noqa: E402

BASE = "FROM python:3.12-slim\nRUN useradd -m -u 1000 user\nUSER user\n"
START = BASE + 'WORKDIR /app\nCOPY --chmod=755 . .\nCMD ["./start.sh"]\n'
SERVE = "uvicorn a:b --host 0.0.0.0 --port 7860"
NODE = "FROM node:22\nWORKDIR /app\nCOPY --chown=node --chmod=755 . .\nUSER node\n"
FOLDER = "USER root\nRUN mkdir /app/data\nUSER user\n"  # a warning
GOOD = 'CMD ["uvicorn", "main:app", "--host", "0.0.0.0", "--port", "7860"]\n'


def found(dockerfile, port=7860, files=(), by_upload=False, prepare=None, levels=("error", "warning")):
    """Returns level and rule of each finding of these levels."""
    with tempfile.TemporaryDirectory() as folder:
        content = {"README.md": f"---\ntitle: A\nsdk: docker\napp_port: {port}\n---\n", "Dockerfile": dockerfile, **dict(files)}
        for name, text in content.items():
            os.makedirs(os.path.dirname(os.path.join(folder, name)), exist_ok=True)
            with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
                file.write(text)
        if prepare:
            prepare(folder)
        return {(it.rule.level, it.name): str(it) for it in lint.check(folder, by_upload) if it.rule.level in levels}


def cmd(*words):
    return BASE + "CMD " + json.dumps(words) + "\n"


ERROR, WARNING = "error", "warning"
# The default of each server, started with nothing that changes it: what the linter has to say at app_port 7860.
DEFAULTS = {
    "uvicorn main:app": ("loopback", "port"),
    "gunicorn app:app": ("loopback", "port"),
    "hypercorn app:app": ("loopback", "port"),
    "daphne app.asgi:application": ("loopback", "port"),
    "granian --interface asgi app:app": ("loopback", "port"),
    "waitress-serve app:app": ("port",),
    "sanic app": ("loopback", "port"),
    "flask --app app run": ("loopback", "port"),
    "python -m flask run": ("loopback", "port"),
    "quart run": ("loopback", "port"),
    "litestar run": ("loopback", "port"),
    "fastapi run main.py": ("port",),
    "fastapi dev main.py": ("loopback", "port"),
    "python manage.py runserver": ("loopback", "port"),
    "python -m http.server": ("port",),
    "streamlit run app.py": ("port",),
    "chainlit run app.py": ("loopback", "port"),
    "gradio app.py": ("loopback",),
    "panel serve app.py": ("port",),
    "shiny run app.py": ("loopback", "port"),
    "marimo run app.py": ("loopback", "port"),
    "voila app.ipynb": ("loopback", "port"),
    "jupyter lab": ("loopback", "port"),
    "mlflow server": ("loopback", "port"),
    "tensorboard --logdir logs": ("loopback", "port"),
    "datasette data.db": ("loopback", "port"),
    "mkdocs serve": ("loopback", "port"),
    "adk web": ("loopback", "port"),
    "langgraph dev": ("loopback", "port"),
    "vllm serve a/b": ("port",),
    "llama-server -m a.gguf": ("loopback", "port"),
    "ollama serve": ("loopback", "port"),
    "serve -s dist": ("port",),
    "npx serve dist": ("port",),
    "http-server dist": ("port",),
    "json-server db.json": ("loopback", "port"),
    "next start": ("port",),
    "npx next dev": ("port",),
    "vite": ("loopback", "port"),
    "vite preview": ("loopback", "port"),
    "astro preview": ("loopback", "port"),
    "ng serve": ("loopback", "port"),
    "react-scripts start": ("port",),
    "gatsby serve": ("loopback", "port"),
    "php artisan serve": ("loopback", "port"),
    "php -S localhost:8000": ("loopback", "port"),
    "jekyll serve": ("loopback", "port"),
    "hugo server": ("loopback", "port"),
    "pocketbase serve": ("loopback", "port"),
    "code-server": ("loopback", "port"),
    "n8n": ("port",),
    "nginx -g daemon-off": ("port",),
}
# A name for each mistake: the Dockerfile, the rule that finds it, its level, and other files.
MISTAKES = {
    "port_of_a_server_differs_from_app_port": (cmd("uvicorn", "a:b", "--host", "0.0.0.0", "--port", "8000"), "port", ERROR),
    "gunicorn_binds_a_loopback_address": (cmd("gunicorn", "-b", "127.0.0.1:7860", "a:b"), "loopback", ERROR),
    "uv_run_starts_uvicorn_with_its_defaults": (cmd("uv", "run", "--frozen", "uvicorn", "a:b", "--port", "7860"), "loopback", ERROR),
    "shell_form_starts_a_server_with_its_defaults": (BASE + "CMD cd app && exec uvicorn a:b --port 7860\n", "loopback", ERROR),
    "sh_c_starts_a_server_with_its_defaults": (cmd("sh", "-c", "python migrate.py && uvicorn a:b --port 7860"), "loopback", ERROR),
    "start_script_starts_a_server_with_its_defaults": (cmd("./start.sh"), "loopback", WARNING, {"start.sh": "#!/bin/sh\nset -e\nuvicorn a:b --port 7860\n"}),
    "entrypoint_script_starts_the_command": (BASE + 'ENTRYPOINT ["/entrypoint.sh"]\nCMD ["flask", "run", "--port=7860"]\n', "loopback", WARNING, {"entrypoint.sh": '#!/bin/sh\nexec "$@"\n'}),
    "npm_start_runs_next_at_its_default_port": (cmd("npm", "start"), "port", WARNING, {"package.json": '{"scripts": {"start": "next start"}}'}),
    "npm_run_preview_runs_vite_at_its_default_address": (cmd("npm", "run", "preview", "--", "--port", "7860"), "loopback", WARNING, {"package.json": '{"scripts": {"preview": "vite preview"}}'}),
    "flask_app_runs_at_its_default_address": (cmd("python", "app.py"), "loopback", WARNING, {"app.py": "from flask import Flask\napp = Flask(__name__)\nif __name__ == '__main__':\n    app.run(port=7860)\n"}),
    "uvicorn_run_has_another_port": (cmd("python", "main.py"), "port", WARNING, {"main.py": "import uvicorn, os\nPORT = int(os.getenv('PORT', 8000))\nuvicorn.run('a:b', host='0.0.0.0', port=PORT)\n"}),
    "gradio_launches_at_its_default_address": (cmd("python", "app.py"), "loopback", WARNING, {"app.py": "import gradio as gr\nwith gr.Blocks() as demo:\n    pass\ndemo.queue().launch()\n"}),
    "express_listens_at_port_3000": (cmd("node", "server.js"), "port", WARNING, {"server.js": "const PORT = process.env.PORT || 3000;\napp.listen(PORT, () => {})\n"}),
    "nginx_configuration_has_another_port": (BASE + 'COPY nginx.conf /etc/nginx/nginx.conf\nCMD ["nginx", "-g", "daemon off;"]\n', "port", WARNING, {"nginx.conf": "http { server {\n  listen 8080;\n} }\n"}),
    "nginx_image_listens_at_port_80": ("FROM nginx:1.27\nUSER 1000\nCOPY dist /usr/share/nginx/html\n", "port", ERROR),
    "variable_in_exec_form_is_not_expanded": (cmd("uvicorn", "a:b", "--host", "0.0.0.0", "--port", "$PORT"), "port", ERROR),
    "variable_with_braces_in_exec_form_is_not_expanded": (cmd("gunicorn", "-b", "0.0.0.0:${PORT:-7860}", "a:b"), "port", ERROR),
    "variable_in_shell_form_is_not_set": (BASE + "CMD uvicorn a:b --host 0.0.0.0 --port $PORT\n", "port", WARNING),
    "word_without_quotes_is_no_json": (BASE + 'CMD ["uvicorn", "main:app", "--host", "0.0.0.0", "--port", PORT]\n', "json", ERROR),
    "single_quotes_are_no_json": (BASE + "CMD ['python', 'app.py']\n", "json", ERROR),
    "comma_at_the_end_is_no_json": (BASE + 'CMD ["python", "app.py",]\n', "json", ERROR),
    "missing_bracket_is_no_json": (BASE + 'ENTRYPOINT ["python", "app.py"\n', "json", ERROR),
    "comment_behind_is_no_json": (BASE + 'CMD ["python", "app.py"] # start\n', "json", ERROR),
    "typographic_quotes_are_no_json": (BASE + "CMD [“python”, “app.py”]\n", "json", ERROR),
    "number_in_exec_form_fails_the_build": (BASE + 'CMD ["uvicorn", "a:b", "--port", 7860]\n', "json", ERROR),
    "assignment_is_no_program": (BASE + 'CMD ["PORT=7860", "python", "app.py"]\n', "program", ERROR),
    "whole_command_in_one_string_is_no_program": (BASE + 'CMD ["python app.py"]\n', "program", ERROR),
    "operator_in_exec_form_is_an_argument": (BASE + 'CMD ["python", "a.py", "&&", "python", "b.py"]\n', "program", ERROR),
    "two_words_of_npm_in_one_string": (cmd("npm", "start dev"), "program", ERROR),
    "options_of_python_in_the_name_of_its_file": (cmd("python", "app.py --port 7860"), "program", ERROR),
    "option_and_value_in_one_string": (cmd("uvicorn", "a:b", "--host 0.0.0.0", "--port", "7860"), "program", ERROR),
    "words_behind_the_command_of_a_shell": (cmd("sh", "-c", "uvicorn", "a:b", "--host", "0.0.0.0", "--port", "7860"), "program", ERROR),
    "words_behind_a_longer_command_of_a_shell": (cmd("bash", "-lc", SERVE, "--reload"), "program", WARNING),
    "shell_form_behind_the_command_of_a_shell": (BASE + 'ENTRYPOINT ["sh", "-c"]\nCMD ' + SERVE + "\n", "program", ERROR),
    "npm_runs_a_script_that_package_json_does_not_have": (NODE + 'CMD ["npm", "run", "start:prod"]\n', "script", ERROR, {"package.json": '{"scripts": {"start": "node a.js"}}'}),
    "npm_start_without_a_script": (NODE + "CMD exec npm start\n", "script", ERROR, {"package.json": '{"scripts": {"dev": "node a.js"}}'}),
    "start_script_runs_a_script_that_package_json_does_not_have": (NODE + 'CMD ["./start.sh"]\n', "script", ERROR, {"package.json": '{"name": "a"}', "start.sh": "#!/bin/sh\nexec pnpm run serve\n"}),
    "script_is_missing_in_the_last_stage": (NODE.replace("22", "22 AS build") + 'FROM node:22\nWORKDIR /srv\nCOPY --from=build /app/package.json ./\nUSER node\nCMD ["yarn", "start"]\n', "script", ERROR, {"package.json": '{"scripts": {"dev": "node a.js"}}'}),
    "several_variables_in_the_old_form_of_env": (BASE + "ENV PYTHONUNBUFFERED 1 PIP_NO_CACHE_DIR 1\n" + GOOD, "env", WARNING),
    "port_and_host_in_the_old_form_of_env": (BASE + "ENV PORT 7860 HOST 0.0.0.0\n" + GOOD, "env", ERROR),
    "port_is_set_to_itself": (BASE + "ENV PORT=${PORT}\n" + GOOD, "env", WARNING),
    "second_command": (BASE + 'CMD ["python", "worker.py"]\n' + GOOD, "start", WARNING),
    "blanks_around_the_equals_sign_of_env": (BASE + "ENV PORT = 8000\n" + GOOD, "env", ERROR),
    "blank_behind_the_equals_sign_of_env": (BASE + "ENV PORT= 7860\n" + GOOD, "env", ERROR),
    "second_word_of_env_has_no_value": (BASE + "ENV A=1 B\n" + GOOD, "env", ERROR),
    "comment_behind_env": (BASE + "ENV A=1 # comment\n" + GOOD, "env", ERROR),
    "colon_instead_of_equals_sign_in_env": (BASE + "ENV PORT: 7860\n" + GOOD, "env", ERROR),
    "env_without_a_value": (BASE + "ENV PORT\n" + GOOD, "env", ERROR),
    "comment_behind_expose": (BASE + "EXPOSE 7860 # the port\n" + GOOD, "expose", ERROR),
    "unknown_instruction": (BASE + "EXPORT PORT=7860\n" + GOOD, "instruction", ERROR),
    "line_without_a_backslash_before_it": (BASE + "RUN apt-get update\n  && apt-get install -y git\n" + GOOD, "instruction", ERROR),
    "hostname_of_next_is_localhost": (BASE + "ENV HOSTNAME localhost\nENV PORT 7860\n" + 'CMD ["node", "server.js"]\n', "loopback", ERROR),
    "host_is_localhost": (BASE + "ENV HOST=localhost\n" + 'CMD ["python", "app.py"]\n', "loopback", WARNING),
    "gradio_server_name_is_a_loopback_address": (BASE + "ENV GRADIO_SERVER_NAME=127.0.0.1\n" + 'CMD ["python", "app.py"]\n', "loopback", WARNING),
    "gradio_server_port_differs": (BASE + "ENV GRADIO_SERVER_PORT=7861\n" + 'CMD ["python", "app.py"]\n', "port", WARNING),
    "streamlit_server_port_differs": (BASE + "ENV STREAMLIT_SERVER_PORT=8501\n" + 'CMD ["streamlit", "run", "app.py"]\n', "port", ERROR),
    "ollama_host_has_another_port": ("FROM ollama/ollama\nUSER 1000\n", "port", ERROR),
    "exposed_port_differs": (BASE + 'EXPOSE 8000\nCMD ["./server"]\n', "expose", WARNING),
    "uid_1000_is_taken_on_node": ("FROM node:22\nRUN useradd -m -u 1000 user\nUSER user\n" + GOOD, "uid", ERROR),
    "uid_1000_is_taken_on_ubuntu_24": ("FROM ubuntu:24.04\nRUN apt-get update && useradd -m -u 1000 user\nUSER user\n" + GOOD, "uid", ERROR),
    "uid_1000_is_taken_on_node_alpine": ("FROM node:22-alpine\nRUN adduser -D -u 1000 user\nUSER user\n" + GOOD, "uid", ERROR),
    "folder_made_by_root_before_user": ("FROM python:3.12\nRUN useradd -m -u 1000 user\nRUN mkdir -p /app/data\nUSER user\n" + GOOD, "folder", WARNING),
    "tool_in_the_home_of_root": ("FROM python:3.12\nRUN curl -LsSf https://astral.sh/uv/install.sh | sh\nRUN useradd -m -u 1000 user\nUSER user\nENV PATH=/root/.local/bin:$PATH\n" + GOOD, "late-user", WARNING),
    "pip_install_user_before_user": ("FROM python:3.12\nRUN pip install --user --no-cache-dir uvicorn\nRUN useradd -m -u 1000 user\nUSER user\n" + GOOD, "late-user", WARNING),
    "model_is_cached_before_user": ("FROM python:3.12\nRUN python -c \"from transformers import AutoModel; AutoModel.from_pretrained('a/b')\"\nRUN useradd -m -u 1000 user\nUSER user\n" + GOOD, "late-user", WARNING),
    "packages_after_user": ("FROM node:22-alpine\nUSER node\nRUN apk add --no-cache git\n" + GOOD, "early-user", ERROR),
    "packages_after_user_in_a_longer_command": (BASE + "RUN --mount=type=cache,target=/var/cache/apt set -e; \\\n    DEBIAN_FRONTEND=noninteractive apt-get -y install git\n" + GOOD, "early-user", ERROR),
    "packages_after_user_in_a_here_document": (BASE + "RUN <<EOF\napt-get update\napt-get install -y git\nEOF\n" + GOOD, "early-user", ERROR),
    "modules_in_a_folder_of_root": ("FROM node:22-slim\nWORKDIR /app\nUSER node\nCOPY --chown=node . .\nRUN npm ci --omit=dev\n" + GOOD, "owner", WARNING),
    "modules_in_a_folder_that_root_made_again": ("FROM node:22-slim\nUSER node\nWORKDIR /app\nUSER root\nWORKDIR /srv\nUSER node\nRUN npm ci\n" + GOOD, "owner", WARNING),
    "gid_1000_is_taken_on_node": ("FROM node:22\nRUN groupadd -g 1000 app\nUSER 1000\n" + GOOD, "uid", ERROR),
    "blanks_in_an_env_that_is_no_address": (BASE + "ENV PYTHONUNBUFFERED = 1\n" + GOOD, "env", WARNING),
    "server_on_a_base_that_may_change_its_defaults": ("FROM example/own-base:1\nUSER 1000\n" + 'CMD ["uvicorn", "a:b", "--port", "7860"]\n', "loopback", WARNING),
    "builder_for_arm64": ("FROM --platform=linux/arm64 node:22 AS build\nRUN npm ci\nFROM python:3.12\nUSER 1000\n" + GOOD, "platform", WARNING),
    "platform_is_arm64": ("FROM --platform=linux/arm64 python:3.12\n" + GOOD, "platform", ERROR),
    "base_image_is_for_arm64": ("FROM arm64v8/python:3.12\n" + GOOD, "platform", ERROR),
    "platform_in_an_argument_is_arm64": ("ARG ARCH=arm64\nFROM --platform=linux/${ARCH} python:3.12\n" + GOOD, "platform", ERROR),
    "token_in_run_without_a_secret_mount": (BASE + "RUN hf download a/b --token $HF_TOKEN\n" + GOOD, "build-secret", WARNING),
    "token_in_python_without_a_secret_mount": (BASE + "RUN python -c \"import os; print(os.environ['HF_TOKEN'])\"\n" + GOOD, "build-secret", WARNING),
    "token_in_here_document_without_a_secret_mount": (BASE + "RUN <<EOF\nhf download a/b --token $HF_TOKEN\nEOF\n" + GOOD, "build-secret", WARNING),
    "token_as_build_argument": (BASE + "ARG HF_TOKEN\nRUN hf download a/b --token $HF_TOKEN\n" + GOOD, "secret", WARNING),
    "no_command_on_a_plain_base": ("FROM python:3.12\nUSER 1000\nCOPY app.py .\n", "start", WARNING, {"app.py": ""}),
    "copy_of_a_missing_file": (BASE + "COPY requirements.txt .\n" + GOOD, "copy", ERROR),
    "copy_of_a_missing_folder_in_a_list": (BASE + 'COPY ["a b/", "/srv/"]\n' + GOOD, "copy", ERROR),
    "add_of_a_missing_file_in_a_stage_that_is_needed": ("FROM python:3.12 AS build\nADD --chown=1000 app.py x/y.py /srv/\nFROM python:3.12\nCOPY --from=build /srv /srv\nUSER 1000\n" + GOOD, "copy", ERROR, {"app.py": ""}),
    "copy_of_a_file_in_other_case": (BASE + "COPY Start.sh .\n" + GOOD, "copy", ERROR, {"start.sh": ""}),
    "copy_of_a_folder_in_other_case": (BASE + "COPY ./SRC /src\n" + GOOD, "copy", ERROR, {"src/a.py": ""}),
    "copy_of_a_file_that_git_ignores": (BASE + "COPY model.txt .\n" + GOOD, "copy", ERROR, {".gitignore": "*.txt\n", "model.txt": ""}),
    "copy_of_a_folder_that_git_ignores": (BASE + "COPY dist /srv\n" + GOOD, "copy", ERROR, {".gitignore": "dist/\n", "dist/a.html": ""}),
    "copy_of_an_ignored_file_that_a_workflow_may_add": (BASE + "COPY dist /srv\n" + GOOD, "copy", WARNING, {".gitignore": "dist/\n", "dist/a.html": "", ".github/workflows/push.yml": "run: npm run build && git add -f dist && git push\n"}),
    "copy_of_a_build_result_that_is_missing": (BASE + "COPY dist /srv\n" + GOOD, "copy", WARNING),
    "copy_of_a_file_that_dockerignore_excludes": (BASE + "COPY README.md .\n" + GOOD, "copy", ERROR, {".dockerignore": "*.md\n"}),
    "copy_from_a_folder_that_dockerignore_excludes": (BASE + "COPY data/a.csv .\n" + GOOD, "copy", ERROR, {".dockerignore": "**\n!app.py\n!/src/**\n", "data/a.csv": ""}),
    "copy_from_a_misspelled_stage": ("FROM node:22 AS builder\nFROM python:3.12\nCOPY --from=buidler /app /app\nUSER 1000\n" + GOOD, "stage", ERROR),
    "copy_from_a_stage_without_a_name": ("FROM node:22\nFROM python:3.12\nCOPY --from=build /app /app\nUSER 1000\n" + GOOD, "stage", ERROR),
    "start_script_has_windows_line_ends": (START, "line-ends", ERROR, {"start.sh": f"#!/bin/sh\r\nexec {SERVE}\r\n"}),
    "script_of_the_shell_form_has_windows_line_ends": (BASE + "COPY --chmod=755 run/start.sh /srv/\nCMD /srv/start.sh\n", "line-ends", ERROR, {"run/start.sh": f"#!/usr/bin/env bash\r\nexec {SERVE}\r\n"}),
    "script_that_a_shell_starts_has_windows_line_ends": (START.replace('["', '["bash", "'), "line-ends", WARNING, {"start.sh": f"#!/bin/sh\r\nexec {SERVE}\r\n"}),
    "start_script_has_no_interpreter": (START, "shebang", ERROR, {"start.sh": f"exec {SERVE}\n"}),
    "start_script_made_executable_has_no_interpreter": (BASE + 'WORKDIR /app\nCOPY --chown=user . .\nRUN chmod +x start.sh\nCMD ["./start.sh"]\n', "shebang", ERROR, {"start.sh": f"exec {SERVE}\n"}),
    "start_script_has_a_byte_order_mark": (START, "shebang", ERROR, {"start.sh": f"\ufeff#!/bin/sh\nexec {SERVE}\n"}),
    "start_script_is_not_executable": (START.replace(" --chmod=755", ""), "mode", ERROR, {"start.sh": f"#!/bin/sh\nexec {SERVE}\n"}),
    "start_script_of_another_name_is_not_executable": (BASE + 'COPY --chmod=644 docker/run.sh /entry\nENTRYPOINT ["tini", "--", "/entry"]\n', "mode", ERROR, {"docker/run.sh": f"#!/bin/sh\nexec {SERVE}\n"}),
    "start_script_of_a_base_with_an_entrypoint_has_no_interpreter": (NODE + 'CMD ["./start.sh"]\n', "shebang", WARNING, {"start.sh": f"exec {SERVE}\n"}),
    "start_script_in_a_folder_of_a_variable_is_not_executable": (BASE + 'ENV HOME=/home/user\nWORKDIR $HOME/app\nCOPY --chown=user . ${HOME}/app\nCMD ["./start.sh"]\n', "mode", ERROR, {"start.sh": f"#!/bin/sh\nexec {SERVE}\n"}),
    "script_that_the_entrypoint_starts_is_not_executable": (BASE + 'COPY --chmod=755 e.sh /\nCOPY run.sh /\nENTRYPOINT ["/e.sh"]\nCMD ["/run.sh"]\n', "mode", ERROR, {"e.sh": '#!/bin/sh\nexec "$@"\n', "run.sh": f"#!/bin/sh\nexec {SERVE}\n"}),
    "start_script_leaves_its_server_in_the_background": (START, "background", ERROR, {"start.sh": f"#!/bin/sh\n{SERVE} &\necho started # now\n"}),
    "shell_form_leaves_its_server_in_the_background": (BASE + f"CMD worker & {SERVE} &\n", "background", ERROR),
    "copy_from_a_number_that_is_too_large": ("FROM node:22\nFROM python:3.12\nCOPY --from=2 /app /app\nUSER 1000\n" + GOOD, "stage", ERROR),
}
# Correct Dockerfiles, each similar to a mistake, with their files.
CORRECT = {
    "host_that_the_app_connects_to": (BASE + "ENV CARLA_HOST=localhost DB_HOST=127.0.0.1 OLLAMA_HOST=http://localhost:11434\n" + GOOD,),
    "packages_after_user_root": (BASE + "USER root\nRUN apt-get update && apt-get install -y git\nUSER user\n" + GOOD,),
    "packages_in_a_script_that_is_only_written": (BASE + "RUN cat <<EOF >later.sh\napt-get install -y git\nEOF\n" + GOOD,),
    "packages_in_a_script_that_is_written_by_a_here_document_in_front": (BASE + "RUN <<'EOF' cat > later.sh\napt-get update\napt-get install -y git\nEOF\n" + GOOD,),
    "packages_after_user_with_sudo": (BASE + "RUN sudo apt-get update && sudo apt-get install -y git\n" + GOOD,),
    "packages_of_pip_after_user": (BASE + "RUN pip install --no-cache-dir apt add && echo apt-get install\n" + GOOD,),
    "modules_in_a_folder_of_the_user": ("FROM node:22-slim\nRUN mkdir /app && chown node /app\nWORKDIR /app\nUSER node\nCOPY --chown=node . .\nRUN npm ci\n" + GOOD,),
    "modules_in_a_folder_after_user": ("FROM node:22-slim\nUSER node\nWORKDIR /app\nCOPY --chown=node . .\nRUN npm ci\n" + GOOD,),
    "modules_in_a_folder_that_workdir_made_for_the_user": ("FROM node:22-slim\nUSER node\nWORKDIR /app\nUSER root\nRUN apt-get update && apt-get install -y git\nUSER node\nCOPY --chown=node . .\nRUN npm ci\n" + GOOD,),
    "modules_in_the_last_working_folder": ("FROM node:22-slim\nWORKDIR /build\nWORKDIR /home/node\nWORKDIR app\nUSER node\nCOPY --chown=node . .\nRUN npm ci\n" + GOOD,),
    "modules_in_a_folder_with_an_access_list": ("FROM node:22-slim\nWORKDIR /app\nRUN setfacl -R -m u:node:rwX /app\nUSER node\nCOPY --chown=node . .\nRUN npm ci\n" + GOOD,),
    "modules_in_a_folder_made_by_install": ("FROM node:22-slim\nRUN set -e; install -d -o node -g node /app\nWORKDIR /app\nUSER node\nCOPY --chown=node . .\nRUN npm ci\n" + GOOD,),
    "global_modules_before_user": ("FROM node:22-slim\nWORKDIR /app\nRUN npm install -g serve\nCOPY . .\nRUN npm ci\nUSER node\n" + GOOD,),
    "platform_of_the_builder": ("FROM --platform=$BUILDPLATFORM node:22 AS build\nRUN npm ci\nFROM --platform=linux/amd64 python:3.12\nUSER 1000\n" + GOOD,),
    "gunicorn_reads_port": (BASE + 'ENV PORT=7860\nCMD ["gunicorn", "app:app"]\n',),
    "default_of_a_variable": (BASE + "CMD uvicorn a:b --host ${HOST:-0.0.0.0} --port ${PORT:-7860}\n",),
    "variable_from_env": (BASE + 'ENV PORT=7860\nCMD ["sh", "-c", "exec uvicorn a:b --host 0.0.0.0 --port $PORT"]\n',),
    "variable_from_an_argument": (BASE + "ARG P=7860\nENV PORT=$P\nCMD exec uvicorn a:b --host 0.0.0.0 --port ${PORT}\n",),
    "serve_listens_on_all_addresses": (cmd("serve", "-s", "dist", "-l", "7860"),),
    "serve_listens_at_a_url": (cmd("npx", "-y", "serve", "-l", "tcp://0.0.0.0:7860", "dist"),),
    "http_server_with_a_port": (cmd("python", "-m", "http.server", "7860"),),
    "django_with_an_address": (cmd("python", "manage.py", "runserver", "0.0.0.0:7860"),),
    "vite_with_a_bare_host": (cmd("npx", "vite", "preview", "--host", "--port", "7860"),),
    "vite_with_a_configuration": (cmd("npx", "vite", "preview"), {"vite.config.ts": "export default {preview: {host: true, port: 7860}}\n"}),
    "streamlit_with_a_configuration": (cmd("streamlit", "run", "app.py"), {".streamlit/config.toml": "[server]\nport = 7860\n"}),
    "streamlit_with_an_equals_sign": (cmd("streamlit", "run", "app.py", "--server.port=7860", "--server.address=0.0.0.0"),),
    "flask_with_variables": (BASE + 'ENV FLASK_RUN_HOST=0.0.0.0 FLASK_RUN_PORT=7860\nCMD ["flask", "run"]\n',),
    "gunicorn_with_a_configuration": (cmd("gunicorn", "-c", "gunicorn_conf.py", "app:app"),),
    "gunicorn_reads_its_configuration_itself": (cmd("gunicorn", "app:app"), {"gunicorn.conf.py": "bind = '0.0.0.0:7860'\n"}),
    "ollama_image_with_its_host": ("FROM ollama/ollama\nUSER 1000\nENV OLLAMA_HOST=0.0.0.0:7860\n",),
    "internal_server_behind_nginx": (cmd("./start.sh"), {"start.sh": "uvicorn a:b --port 8000 &\nnginx -g 'daemon off;'\n", "nginx.conf": "server {\n listen 7860;\n}\n"}),
    "internal_server_behind_an_unknown_program": (cmd("sh", "-c", "uvicorn a:b --port 8000 & ./proxy"),),
    "nginx_with_a_generated_configuration": (cmd("./start.sh"), {"start.sh": "cat <<E > /tmp/n.conf\nlisten 7860;\nE\nnginx -c /tmp/n.conf\n"}),
    "nginx_with_an_edited_configuration": ("FROM nginx:1.27\nUSER 1000\nRUN sed -i 's/listen  *80;/listen 7860;/' /etc/nginx/conf.d/default.conf\n",),
    "server_started_by_supervisord": (cmd("supervisord", "-c", "supervisord.conf"),),
    "build_steps_of_package_json": (cmd("npm", "start"), {"package.json": '{"scripts": {"start": "vite build && serve -s dist -l 7860"}}'}),
    "unknown_program_that_gets_app_port_by_another_option": (BASE + "ENV TERMINAL_PORT=7860 APP_PORT=3000\n" + 'CMD ["./start.sh"]\n', {"start.sh": "ttyd -p \"${TERMINAL_PORT:-7681}\" bash --login &\n./app\n"}),
    "flask_app_with_its_address": (cmd("python", "app.py"), {"app.py": "from flask import Flask\napp = Flask(__name__)\napp.run('0.0.0.0', 7860)\n"}),
    "gradio_with_its_variables": (BASE + 'ENV GRADIO_SERVER_NAME="0.0.0.0"\nCMD ["python", "app.py"]\n', {"app.py": "import gradio as gr\ndemo = gr.Interface(f, 'text', 'text')\ndemo.launch()\n"}),
    "port_that_the_program_chooses": (cmd("python", "app.py"), {"app.py": "import uvicorn, config\nuvicorn.run('a:b', host=config.host, port=config.port)\n"}),
    "express_reads_port": (BASE + 'ENV PORT=7860\nCMD ["node", "server.js"]\n', {"server.js": "const port = Number(process.env.PORT) || 3000\napp.listen(port, '0.0.0.0')\n"}),
    "shell_test_is_no_json": (BASE + "CMD [ -f run.sh ] && exec ./run.sh || exec ./other.sh\n",),
    "exec_form_with_a_shell": (BASE + 'ENTRYPOINT ["/bin/sh", "-c"]\nCMD ["exec uvicorn a:b --host 0.0.0.0 --port ${PORT:-7860}"]\n',),
    "old_form_of_env": (BASE + "ENV NAME a value with = in it\nENV PORT 7860\n" + GOOD,),
    "old_form_of_env_with_a_sentence": (BASE + "ENV TITLE MY APP NAME\nENV MOTTO Keep it simple\nENV JAVA_OPTS -Xmx1g -Xms1g -server\n" + GOOD,),
    "port_is_set_to_an_argument": (BASE + "ARG PORT=7860\nENV PORT=$PORT\n" + GOOD,),
    "command_of_a_stage_replaces_that_of_its_base": (BASE.replace("slim", "slim AS base") + 'CMD ["bash"]\nFROM base\n' + GOOD,),
    "values_of_env_with_quotes": (BASE + "ENV A=\"b c\" D='e f' G=h\\ i \\\n    # a comment\n    J=\"k=l\"\n" + GOOD,),
    "expose_with_a_variable": (BASE + "ARG PORT=7860\nEXPOSE ${PORT}/tcp\n" + GOOD,),
    "user_of_the_base_image": ("FROM node:22\nUSER node\n" + GOOD,),
    "user_1000_replaces_the_one_of_node": ("FROM node:22\nRUN userdel -r node && useradd -m -u 1000 user\nUSER user\n" + GOOD,),
    "useradd_only_if_missing": ("FROM ubuntu:24.04\nRUN id -u 1000 || useradd -m -u 1000 user\nUSER 1000\n" + GOOD,),
    "useradd_on_ubuntu_22": ("FROM ubuntu:22.04\nRUN useradd -m user\nUSER user\n" + GOOD,),
    "uid_from_an_argument": ("FROM python:3.12\nARG UID=1000\nRUN adduser --disabled-password --gecos '' --uid \"${UID}\" app\nUSER app\n" + GOOD,),
    "user_by_number": ("FROM python:3.12\nUSER 1000:1000\n" + GOOD,),
    "folder_given_away_before_user": ("FROM python:3.12\nRUN useradd -m -u 1000 user && mkdir -p /app/data && chown -R user:user /app\nUSER user\n" + GOOD,),
    "folder_that_everyone_can_write": ("FROM python:3.12\nRUN mkdir -p /data\nRUN chmod 777 /data\nUSER 1000\n" + GOOD,),
    "secret_mount_as_variable": (BASE + "RUN --mount=type=secret,id=HF_TOKEN,env=HF_TOKEN hf download a/b --token $HF_TOKEN\n" + GOOD,),
    "secret_mount_as_file": (BASE + "RUN --mount=type=secret,id=HF_TOKEN,mode=0444,required=true HF_TOKEN=$(cat /run/secrets/HF_TOKEN) && hf download a/b --token $HF_TOKEN\n" + GOOD,),
    "token_written_to_a_script": (BASE + "RUN echo 'curl -H \"$HF_TOKEN\"' > start.sh\n" + GOOD,),
    "names_that_only_resemble_secrets": (BASE + "ENV TOKENIZERS_PARALLELISM=false MAX_TOKENS=5 NEXT_PUBLIC_API_KEY=abc SECRET_KEY=change-me OPENAI_API_KEY=\n" + GOOD,),
    "key_of_a_server_in_the_same_container": (BASE + "ENV OPENAI_BASE_URL=http://127.0.0.1:8081/v1 OPENAI_API_KEY=llama-local\n" + GOOD,),
    "here_document_with_instructions": (BASE + "RUN cat <<'EOF' > index.html\nUSER root\nEXPORT x\nEOF\n" + GOOD,),
    "escape_directive": ("# escape=`\nFROM python:3.12\nRUN useradd `\n  -m -u 1000 user\nUSER user\n" + GOOD,),
    "java_program_with_options": (BASE + 'ENTRYPOINT ["java", "-Dserver.port=7860", "-jar", "app.jar"]\n',),
    "streamlit_configuration_written_by_a_step": (BASE + "RUN mkdir -p ~/.streamlit && printf '[server]\\nport = 7860\\n' > ~/.streamlit/config.toml\n" + 'CMD ["streamlit", "run", "app.py"]\n',),
    "platform_with_a_variant": ("FROM --platform=linux/amd64/v2 python:3.12\nUSER 1000\n" + GOOD,),
    "tabs_between_name_and_value": (BASE + "ENV\tPORT\t7860\n" + GOOD,),
    "byte_order_mark_and_windows_line_ends": ("\ufeff" + (BASE + GOOD).replace("\n", "\r\n"),),
    "shell_that_passes_its_arguments_on": (cmd("sh", "-c", 'exec uvicorn a:b "$@"', "--", "--host", "0.0.0.0", "--port", "7860"),),
    "blanks_in_an_argument": (cmd("gunicorn", "-b", "0.0.0.0:7860", "--access-logformat", "%(h)s %(s)s", "app:create('a b')"),),
    "npm_runs_a_script_of_package_json": (NODE + 'CMD ["npm", "run", "serve", "--", "--a"]\n', {"package.json": '{"scripts": {"serve": "node a.js"}}'}),
    "npm_start_with_a_server_file": (NODE + 'CMD ["npm", "start"]\n', {"package.json": "{}", "server.js": "x"}),
    "npm_runs_a_script_of_another_folder": (NODE + 'CMD ["npm", "--prefix", "web", "run", "a"]\n', {"package.json": "{}"}),
    "npm_runs_a_script_that_a_step_adds": (NODE + 'RUN npm pkg set scripts.a=b\nCMD ["npm", "run", "a"]\n', {"package.json": "{}"}),
    "package_json_of_another_working_folder": (NODE + 'WORKDIR /app/web\nCMD ["npm", "run", "a"]\n', {"package.json": "{}"}),
    "yarn_runs_a_program_of_a_package": (NODE + 'CMD ["yarn", "run", "strapi"]\n', {"package.json": "{}"}),
    "start_script_with_an_interpreter": (START, {"start.sh": f"#!/bin/sh\nworker &\nexec {SERVE}\n"}),
    "start_script_whose_line_ends_a_step_corrects": (START.replace("CMD", "RUN sed -i 's/\\r$//' start.sh\nCMD"), {"start.sh": f"#!/bin/sh\r\nexec {SERVE}\r\n"}),
    "start_script_made_executable_by_a_step": (START.replace("COPY --chmod=755 . .", "COPY . .\nRUN chmod -R a+rx /app"), {"start.sh": f"#!/bin/sh\nexec {SERVE}\n"}),
    "start_script_without_an_interpreter_in_a_shell": (START.replace('["./start.sh"]', "exec ./start.sh"), {"start.sh": f"exec {SERVE}\n"}),
    "start_script_of_another_image": ('FROM python:3.12\nCOPY --from=ghcr.io/a/b /start.sh /app/\nUSER 1000\nCMD ["/app/start.sh"]\n', {"start.sh": "x\r\n"}),
    "start_script_outside_of_an_unknown_working_folder": (BASE + 'COPY . .\nCMD ["/app/start.sh"]\n', {"app/start.sh": "x\r\n", "start.sh": "x\r\n"}),
    "start_script_that_a_step_writes": (BASE + 'COPY . /app\nRUN printf "#!/bin/sh" >/app/start.sh\nCMD ["/app/start.sh"]\n', {"start.sh": "x\r\n"}),
    "start_script_that_a_shell_starts": (BASE + 'COPY start.sh /\nCMD ["sh", "/start.sh"]\n', {"start.sh": f"exec {SERVE}\n"}),
    "start_script_writes_its_output_to_a_file": (START, {"start.sh": f"#!/bin/sh\nexec {SERVE} > log 2>&1\n"}),
    "options_behind_the_script_of_yarn": (NODE + 'CMD ["yarn", "dev", "-p", "7860"]\n', {"package.json": '{"scripts": {"dev": "next dev -H 0.0.0.0"}}'}),
    "start_script_that_is_tested_first": (BASE + "COPY a.sh /\nCMD if [ -x /a.sh ]; then /a.sh; else exec " + SERVE + "; fi\n", {"a.sh": "#!/bin/sh\n"}),
    "start_script_that_waits": (START, {"start.sh": f"#!/bin/bash\n{SERVE} &\nworker &\nwait -n\n"}),
    "start_script_with_a_choice": (START, {"start.sh": f"#!/bin/bash\nif a; then\n  exec {SERVE}\nelse\n  b &\nfi\n"}),
    "copies_of_files_that_are_sent": (BASE + "COPY --chown=user app.py ./src/ /readme/../README.md ../notes.txt ./\n" + GOOD, {"app.py": "", "src/a.py": "", "notes.txt": ""}),
    "copies_that_the_folder_does_not_decide": (BASE + "ARG F=a\nCOPY $F *.txt x[0-9] .git ./\nADD https://example.org/a.tar git@example.org:a.git github.com/a/b /srv/\nCOPY <<EOF /srv/b\nCOPY none .\nEOF\n" + GOOD,),
    "copy_in_a_stage_that_is_not_needed": ("FROM python:3.12 AS test\nCOPY tests /tests\nFROM python:3.12\nUSER 1000\n" + GOOD,),
    "copies_from_stages_and_images": ("FROM node:22 AS Web\nFROM python:3.12\nCOPY --from=web /a /a\nCOPY --from=0 /b /b\nCOPY --from=ghcr.io/astral-sh/uv:latest /uv /bin/\nCOPY --from=busybox /bin/sh /bin/\nUSER 1000\n" + GOOD,),
    "copy_from_an_image_with_the_name_of_a_stage_in_it": ("FROM python:3.12 AS pythons\nFROM python:3.12\nCOPY --from=python /a /a\nUSER 1000\n" + GOOD,),
    "copies_that_dockerignore_lets_through": (BASE + "COPY src data ./\n" + GOOD, {".dockerignore": "# all\n*\n!src\ndata/*\n!data/keep.csv\n", "src/a.py": "", "data/keep.csv": ""}),
    "worker_beside_the_server": (BASE + "CMD celery -A app worker & exec uvicorn a:b --host 0.0.0.0 --port 7860\n",),
}


class Servers(unittest.TestCase):
    """The default address and port of each server."""


class Mistakes(unittest.TestCase):
    """Each mistake is found by its rule."""


class Correct(unittest.TestCase):
    """Correct folders have no error and no warning."""


def adds(case, name, check):
    setattr(case, "test_" + "".join(char if char.isalnum() else "_" for char in name), check)


for command, rules in DEFAULTS.items():
    def default(self, command=command, rules=rules):
        self.assertEqual(set(found(cmd(*command.split()))), {(ERROR, rule) for rule in rules})
    adds(Servers, command, default)
for name, (text, rule, level, *files) in MISTAKES.items():
    def mistake(self, text=text, rule=rule, level=level, files=files):
        result = found(text, files=files[0] if files else ())
        self.assertIn((level, rule), result)
        if level == WARNING:
            self.assertEqual([it for it in result if it[0] == ERROR], [])
    adds(Mistakes, name, mistake)
for name, (text, *files) in CORRECT.items():
    def correct(self, text=text, files=files):
        self.assertEqual(found(text, files=files[0] if files else ()), {})
    adds(Correct, name, correct)


@unittest.skipUnless(shutil.which("git"), "git is not installed")
class Repository(unittest.TestCase):
    """What git sends: its files, its history, its size."""

    def git(self, folder, *words):
        identity = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "init.defaultBranch=main", "-c", "commit.gpgsign=false", "-c", "core.fsync=none"]
        return subprocess.run(["git", "-C", folder, *identity, *words], check=True, capture_output=True, text=True).stdout

    def commit(self, folder):
        self.git(folder, "init", "--quiet")
        self.git(folder, "add", "--all")
        self.git(folder, "commit", "--quiet", "--message", "a")

    def write(self, folder, name, content):
        os.makedirs(os.path.dirname(os.path.join(folder, name)), exist_ok=True)
        with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
            file.write(content)

    def test_ignored_files_are_not_reported_in_a_clone_or_outside_of_one(self):
        files = {".gitignore": ".env\n*.bin\n/build/\n", ".env": "A=1\n", "model.bin": "\0" * 10, "build/big.txt": "#" * 10_000_001}
        self.assertEqual(found(BASE + GOOD, files=files), {})
        self.assertEqual(found(BASE + GOOD, files=files, prepare=self.commit), {})
        self.assertEqual(found(BASE + GOOD, files=files, by_upload=True), {})

    def test_copy_of_an_ignored_file_that_git_tracks_is_found_only_for_an_upload(self):
        def add(folder):
            self.commit(folder)
            self.git(folder, "add", "--force", "a.txt")
        files = {".gitignore": "*.txt\n", "a.txt": ""}
        self.assertEqual(found(BASE + "COPY a.txt .\n" + GOOD, files=files, prepare=add), {})
        self.assertIn('COPY a.txt: ignored by .gitignore', found(BASE + "COPY a.txt .\n" + GOOD, files=files, prepare=add, by_upload=True)[(ERROR, "copy")])

    def test_copy_of_a_file_that_a_folder_s_gitignore_excludes_is_found_only_for_a_push(self):
        files = {"src/.gitignore": "a.txt\n", "src/a.txt": ""}
        self.assertEqual(set(found(BASE + "COPY src/a.txt .\n" + GOOD, files=files, prepare=self.commit)), {(ERROR, "copy")})
        self.assertEqual(found(BASE + "COPY src/a.txt .\n" + GOOD, files=files, by_upload=True), {})

    def test_finding_of_a_copy_names_line_and_reason(self):
        reasons = {"requirements.txt": "missing", "Start.sh": '"Start.sh" exists as "start.sh"', "notes.md": "excluded by .dockerignore", "model.txt": "ignored by .gitignore", "empty": "an empty folder, which is not sent"}
        files = {"start.sh": "", "notes.md": "", "model.txt": "", ".gitignore": "model.txt\n", ".dockerignore": "notes.md\n"}
        for source, reason in reasons.items():
            self.assertIn(f"Dockerfile:4: error copy: COPY {source}: {reason}: the build stops",
                          found(BASE + f"COPY {source} .\n" + GOOD, files=files, prepare=lambda folder: os.mkdir(folder + "/empty"))[(ERROR, "copy")])

    def test_mode_of_a_script_is_that_of_git_and_an_upload_sends_none(self):
        text, files = START.replace(" --chmod=755", ""), {"start.sh": f"#!/bin/sh\nexec {SERVE}\n"}
        def staged(folder, mode="+x"):
            self.commit(folder)
            self.git(folder, "update-index", f"--chmod={mode}", "start.sh")
        def only_here(folder):
            staged(folder, "-x")
            os.chmod(folder + "/start.sh", 0o755)
        self.assertEqual(found(text, files=files, prepare=staged), {})
        self.assertEqual(set(found(text, files=files, prepare=only_here)), {(ERROR, "mode")})
        self.assertEqual(set(found(text, files=files, prepare=only_here, by_upload=True)), {(WARNING, "mode")})

    def test_line_ends_of_a_script_are_those_that_git_stores(self):
        files = {"start.sh": f"#!/bin/sh\r\nexec {SERVE}\r\n"}
        attributes = {**files, ".gitattributes": "*.sh text eol=lf\n"}
        self.assertEqual(set(found(START, files=files, prepare=self.commit)), {(ERROR, "line-ends")})
        self.assertEqual(found(START, files=attributes, prepare=self.commit), {})
        self.assertEqual(found(START, files=attributes, prepare=lambda folder: self.git(folder, "init", "--quiet")), {})
        self.assertEqual(set(found(START, files=attributes, prepare=self.commit, by_upload=True)), {(ERROR, "line-ends")})

    def test_files_of_a_submodule_are_not_missing(self):
        def submodule(folder):
            self.write(folder, "sub/a.py", "")
            self.commit(folder + "/sub")
            self.commit(folder)
        self.assertEqual(found(BASE + "COPY sub/other.py .\n" + GOOD, prepare=submodule), {})

    def test_ignored_file_that_git_tracks_is_reported(self):
        def add(folder):
            self.commit(folder)
            self.git(folder, "add", "--force", ".env")
        self.assertEqual(set(found(BASE + GOOD, files={".gitignore": ".env\n", ".env": "A=1\n"}, prepare=add)), {(ERROR, "env-file")})

    def test_folder_that_its_repository_ignores_is_checked_on_its_own(self):
        with tempfile.TemporaryDirectory() as root:
            self.write(root, ".gitignore", "staged/\n")
            self.write(root, "staged/.env", "A=1\n")
            self.commit(root)
            self.assertIn("env-file", {it.name for it in lint.check(os.path.join(root, "staged"))})

    def test_large_file_in_the_history_is_found_but_an_upload_sends_none(self):
        def past(folder):
            self.write(folder, "model.txt", "#" * 10_000_001)
            self.commit(folder)
            os.remove(os.path.join(folder, "model.txt"))
            self.commit(folder)
        self.assertEqual(set(found(BASE + GOOD, prepare=past)), {(ERROR, "history")})
        self.assertEqual(found(BASE + GOOD, prepare=past, by_upload=True), {})

    def test_secrets_in_the_history_are_found(self):
        def past(folder):
            self.write(folder, ".env", "A=1\n")
            self.commit(folder)
            os.remove(os.path.join(folder, ".env"))
            self.commit(folder)
        self.assertEqual(set(found(BASE + GOOD, prepare=past)), {(WARNING, "history")})

    def test_history_that_the_hub_has_is_not_reported(self):
        def past(folder):
            self.write(folder, "model.txt", "#" * 10_000_001)
            self.commit(folder)
            self.git(folder, "remote", "add", "space", "https://huggingface.co/spaces/a/b")
            self.git(folder, "update-ref", "refs/remotes/space/main", "HEAD")
            os.remove(os.path.join(folder, "model.txt"))
            self.commit(folder)
        self.assertEqual(found(BASE + GOOD, prepare=past), {})

    def test_repository_over_1_gb_and_storage_over_50_gb_are_found(self):
        for size, rules in ((999_000_000, set()), (1_100_000_000, {(ERROR, "repository")}), (51_000_000_000, {(ERROR, "repository"), (ERROR, "storage")})):
            def big(folder, size=size):
                with open(os.path.join(folder, "data"), "wb") as file:
                    file.truncate(size)  # a sparse file, which needs no disk
            self.assertEqual(set(found(BASE + GOOD, prepare=big, by_upload=True)), rules, size)

    def test_ignored_readme_is_found(self):
        self.assertEqual(set(found(BASE + GOOD, files={".gitignore": "*.md\n"})), {(ERROR, "missing")})

    def test_our_reading_of_gitignore_agrees_with_git(self):
        patterns = "# comment\n*.log\n!keep.log\n/root.txt\nbuild/\ndoc/**/x\n**/y.txt\nz/**\n*.[oa]\n!b.a\nq?.txt\n\\!odd\nspace\\ \nfoo/*\n!foo/bar/\n"
        names = ["a.log", "keep.log", "root.txt", "sub/root.txt", "build/a", "sub/build/a", "sub2/build", "doc/x", "doc/a/b/x", "y.txt", "s/y.txt", "z/a/b", "l.o", "b.a",
                 "q1.txt", "q12.txt", "!odd", "space ", "foo/a", "foo/bar/b", "n/in.txt", "n/out.txt", "n/deep/in.txt"]
        with tempfile.TemporaryDirectory() as folder:
            for name in names:
                self.write(folder, name, "")
            self.write(folder, ".gitignore", patterns)
            self.write(folder, "n/.gitignore", "in.txt\n")
            self.git(folder, "init", "--quiet")
            theirs = self.git(folder, "ls-files", "-z", "--others", "--exclude-standard").split("\0")
            self.assertEqual(sorted(gitignore.files(folder)), sorted(path for path in theirs if path))


class Side(unittest.TestCase):
    """One mistake does not hide another."""

    def test_old_form_of_env_with_more_words_silences_no_other_rule(self):
        with tempfile.TemporaryDirectory() as folder:
            with open(folder + "/Dockerfile", "w", encoding="utf-8") as file:
                file.write(BASE + "ENV A 1 PIP_NO_CACHE_DIR 1\nRUN pip install flask\n" + GOOD)
            self.assertIn("pip-cache", {it.name for it in lint.check(folder)})


    def messages(self, *arguments, **how):
        return "\n".join(sorted(found(*arguments, **how).values()))

    def test_server_beside_one_with_the_right_port_is_not_told_to_use_it(self):
        said = self.messages(cmd("./start.sh"), files={"start.sh": "#!/bin/sh\nuvicorn api:app --host 0.0.0.0 --port 8000 &\nexec streamlit run app.py --server.port 7860 --server.address 127.0.0.1\n"})
        self.assertIn("streamlit run listens on 127.0.0.1", said)
        self.assertNotIn("uvicorn", said)

    def test_reason_of_an_address_and_of_a_port_is_its_own(self):
        said = self.messages(cmd("uvicorn", "a:b", "--port", "8000"))
        self.assertIn("listens on 127.0.0.1, its default:", said)
        self.assertIn("listens on port 8000, but", said)
        said = self.messages(BASE + 'ENV PORT=3000 HOSTNAME=localhost\nCMD ["node", "server.js"]\n')
        self.assertIn("listens on localhost, from HOSTNAME:", said)
        self.assertIn("listens on port 3000, from PORT, but", said)
        said = self.messages(cmd("gunicorn", "-b", "0.0.0.0:8000", "a:b")) + self.messages(cmd("flask", "run", "--host", "0.0.0.0"))
        self.assertIn("gunicorn listens on port 8000, but", said)
        self.assertIn("flask run listens on port 5000, its default, but", said)

    def test_folder_of_root_is_given_away_before_user(self):
        said = self.messages("FROM python:3.12\nRUN useradd -m -u 1000 user\nRUN mkdir -p /app/data\nUSER user\n" + GOOD)
        self.assertIn("chown 1000", said)
        self.assertIn("the folder above has to belong to the user", said)


class Output(unittest.TestCase):
    """The command line: levels, formats and exit status."""

    def run_lint(self, dockerfile, *options):
        with tempfile.TemporaryDirectory() as folder:
            for name, text in (("README.md", "---\ntitle: A\nsdk: docker\n---\n"), ("Dockerfile", dockerfile)):
                with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
                    file.write(text)
            run = subprocess.run([sys.executable, "-B", "-m", "space_lint", folder, *options], cwd=SCRIPTS, capture_output=True, text=True, timeout=60)
            return run.returncode, run.stdout.replace(folder, "DIR"), run.stderr

    def test_a_user_with_another_uid_is_advice_and_a_name_without_a_passwd_file_a_warning(self):
        for start in ("FROM ubuntu:24.04\nRUN useradd -m app\nUSER app\n", "FROM node:22-slim\nRUN useradd -m app\nUSER app\n", "FROM python:3.12\nRUN useradd -m -u 1001 app\nUSER app\n",
                      "FROM python:3.12\nRUN adduser --system app\nUSER app\n", BASE + "USER root\n"):
            self.assertIn(("advice", "user"), found(start + GOOD, levels=("advice",)), start)
            self.assertEqual(found(start + GOOD), {}, start)
        self.assertIn(("warning", "user"), found('FROM scratch\nCOPY a /\nUSER app\nCMD ["/a"]\n', files={"a": ""}))

    def test_advice_is_one_line_unless_requested(self):
        status, output, _ = self.run_lint(BASE + GOOD)
        self.assertEqual(status, 0)
        self.assertEqual(output.splitlines()[0], "advice: base health expose (--advice explains it)")
        self.assertEqual(len(output.splitlines()), 2)
        self.assertIn("Dockerfile:1: advice base: FROM python:3.12-slim", self.run_lint(BASE + GOOD, "--advice")[1])

    def test_errors_come_before_warnings(self):
        status, output, _ = self.run_lint(BASE + FOLDER + "CMD ['a']\n")
        self.assertEqual(status, 1)
        self.assertEqual([line.split()[1] for line in output.splitlines()[:2]], ["error", "warning"])

    def test_warnings_fail_only_if_strict(self):
        text = BASE + FOLDER + GOOD
        self.assertEqual(self.run_lint(text)[0], 0)
        self.assertEqual(self.run_lint(text, "--strict")[0], 1)
        self.assertEqual(self.run_lint(BASE + GOOD, "--strict")[0], 0)

    def test_json_has_every_finding_with_its_place(self):
        status, output, _ = self.run_lint(BASE + "CMD ['a']\n", "--json")
        report = json.loads(output)
        self.assertEqual((status, report["errors"], report["warnings"]), (1, 1, 0))
        self.assertEqual(report["advice"], sum(it["level"] == "advice" for it in report["findings"]))
        (error,) = [it for it in report["findings"] if it["level"] == "error"]
        self.assertEqual((error["file"], error["line"], error["rule"]), ("Dockerfile", 4, "json"))
        self.assertEqual({type(error[name]) for name in ("found", "reason", "fix")}, {str})

    def test_github_annotations_name_file_and_line(self):
        _, output, _ = self.run_lint(BASE + FOLDER + "CMD ['100%']\n", "--github")
        lines = output.splitlines()
        self.assertTrue(any(line.startswith("::error file=DIR/Dockerfile,line=7,title=Space%3A json::CMD ['100%25']: ") for line in lines), output)
        self.assertTrue(any(line.startswith("::warning file=DIR/Dockerfile,line=5,title=Space%3A folder::mkdir /app/data before USER: ") for line in lines), output)
        self.assertFalse(any(line.startswith("::notice") for line in lines), output)
        self.assertIn("::notice file=DIR/Dockerfile,line=1,title=Space%3A base::", self.run_lint(BASE + GOOD, "--github", "--advice")[1])

    def test_reader_that_ends_early_gets_no_traceback(self):
        with tempfile.TemporaryDirectory() as folder:
            reading, writing = os.pipe()
            os.close(reading)
            run = subprocess.run([sys.executable, "-B", "-m", "space_lint", folder, "--json"], cwd=SCRIPTS, stdout=writing, stderr=subprocess.PIPE, text=True, timeout=60)
            os.close(writing)
        self.assertEqual((run.returncode, run.stderr), (1, ""))

    def test_modules_of_the_current_folder_are_not_imported(self):
        with tempfile.TemporaryDirectory() as folder:
            for name in ("argparse", "json", "runpy", "space_lint"):
                with open(f"{folder}/{name}.py", "w", encoding="utf-8") as file:
                    file.write("raise SystemExit('imported')\n")
            run = subprocess.run([SCRIPTS + "/lint-space.sh", "."], cwd=folder, capture_output=True, text=True, timeout=60)
        self.assertEqual((run.returncode, run.stderr), (1, ""))
        self.assertIn("no Dockerfile", run.stdout)

    def test_two_formats_are_rejected(self):
        self.assertEqual(self.run_lint(BASE + GOOD, "--json", "--github")[0], 2)

    def test_help_documents_levels_and_exit_status(self):
        output = self.run_lint("", "--help")[1]
        for words in ("exit status:", "0  no errors", "1  errors", "2  wrong arguments", "error    the Space does not start", "advice   "):
            self.assertIn(words, output)

    def test_table_has_at_least_twenty_servers(self):
        self.assertGreaterEqual(len({name.split()[0] for name in servers.SERVERS}), 20)


if __name__ == "__main__":
    unittest.main()
