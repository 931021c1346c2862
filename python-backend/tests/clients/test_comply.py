"""The demo model against `llm-comply` (LLM_COMPLY is its path): every check of the OpenAI chat format except the one it skips."""

import json
import os
import subprocess
import unittest


class Compliance(unittest.TestCase):
    def test_the_demo_model_passes_every_check(self):
        env = {"HOST": "127.0.0.1", "PORT": "0", "LOG_FORMAT": "json", "DEMO_DELAY": "0"}
        service = subprocess.Popen([os.environ["PYTHON_BACKEND"]], env=env, stderr=subprocess.PIPE, text=True)
        address = next(json.loads(line)["address"] for line in service.stderr if "listening" in line)
        command = [os.environ["LLM_COMPLY"], "run", "--format", "openai-chat", "-k", "none", "-m", "demo"]
        run = subprocess.run([*command, "-u", f"http://{address}/v1"], capture_output=True, text=True, timeout=60)
        service.terminate()
        service.communicate(timeout=20)
        self.assertIn("Results: 8/9 passed, 1 skipped", run.stdout, run.stdout + run.stderr)


if __name__ == "__main__":
    unittest.main()
