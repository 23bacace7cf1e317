"""Calls a backend program as the host does, and reads its answers as strictly as the schemas say."""

import copy
import hashlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import threading

import onnx_files
import schema

SCHEMAS = pathlib.Path(__file__).resolve().parents[2] / "schemas"
TIME_OUT_S = 300


class Failure(Exception):
    """The backend broke a promise."""


class Skip(Exception):
    """The case asks about something that this backend says it does not do."""


def expect(condition, text):
    if not condition:
        raise Failure(text)


def check_schema(value, name):
    problems = schema.check(value, json.loads((SCHEMAS / f"backend-{name}.schema.json").read_text()))
    expect(not problems, f"{name}: {'; '.join(problems[:3])}")


class Call:
    """What one call gave."""

    def __init__(self, code, response, events, log):
        self.code, self.response, self.events, self.log = code, response, events, log


class Backend:
    def __init__(self, program, name, settings):
        self.program, self.name, self.settings = program, name, settings
        self.folder = None

    def in_folder(self, folder):
        out = copy.copy(self)
        out.folder = folder
        return out

    def why_unavailable(self, parts=()):
        """None, or why there is nothing to ask here. `parts`: names of needs in its description that must be found."""
        with tempfile.TemporaryDirectory() as folder:
            call = self.in_folder(pathlib.Path(folder)).call("describe", {})
        if call.code != 0 or call.response is None or call.response.get("status") != "ok":
            return None  # broken is not unavailable: the suite will say so
        if not call.response.get("available", True) or not call.response.get("compiles", True):
            return call.response.get("reason", "no reason given")
        needs = {need["name"]: need for need in call.response.get("needs", [])}
        for part in parts:
            if part in needs and not needs[part]["found"]:
                return f"{part}: {needs[part].get('how', 'not found')}"
        return None

    def call(self, verb, fields, with_events=True, raw_request=None):
        """Runs the program; does not judge. `fields` are put behind the request's head."""
        request = {"protocol": "1.0", "verb": verb, **fields}
        text = json.dumps(request) if raw_request is None else raw_request
        (self.folder / "request.json").write_text(text)
        response_path = self.folder / "response.json"
        response_path.unlink(missing_ok=True)
        environment = {key: value for key, value in os.environ.items() if key != "ONNX_PACK_EVENTS_FD"}
        environment |= {"LC_ALL": "C.UTF-8", "TMPDIR": str(self.folder / "tmp")}
        (self.folder / "tmp").mkdir(exist_ok=True)
        read_end, write_end = os.pipe()
        passed = ()
        if with_events:
            environment["ONNX_PACK_EVENTS_FD"] = str(write_end)
            passed = (write_end,)
        lines = []
        reader = threading.Thread(target=lambda: lines.extend(os.fdopen(read_end, "rb")), daemon=True)
        with open(self.folder / "log.txt", "wb") as log:
            process = subprocess.Popen([str(self.program), verb, "request.json", "response.json"], cwd=self.folder,
                                       stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment,
                                       pass_fds=passed, start_new_session=True)
        os.close(write_end)
        reader.start()
        try:
            code = process.wait(TIME_OUT_S)
        except subprocess.TimeoutExpired as late:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise Failure(f"{verb}: no end after {TIME_OUT_S} s") from late
        reader.join(5)
        expect(not reader.is_alive(), f"{verb}: something it started outlives it and holds the events descriptor")
        response = None
        if response_path.exists():
            response = json.loads(response_path.read_text(encoding="utf-8"))
        return Call(code, response, lines, (self.folder / "log.txt").read_text(errors="replace"))

    def answer(self, verb, fields, **kwargs):
        """A call that must end with exit code 0 and an answer that the schema takes. Returns the call."""
        call = self.call(verb, fields, **kwargs)
        expect(call.code == 0, f"{verb}: exit code {call.code} instead of an answer; log: {call.log[-300:]}")
        expect(call.response is not None, f"{verb}: exit code 0 but no response")
        check_schema(call.response, f"{verb}-response")
        for line in call.events:
            try:
                event = json.loads(line)
            except ValueError as error:
                raise Failure(f"{verb}: event line {line!r} is no JSON") from error
            check_schema(event, "event")
        return call

    def describe(self):
        return self.answer("describe", {}).response

    def needs_verb(self, verb):
        if verb not in self.describe()["verbs"]:
            raise Skip(f"describe lists no {verb}")

    # --- requests ---

    def put_model(self, content=None, external=False):
        """Lays a model out as in a package and returns the component of a request."""
        folder = self.folder / "components" / "model"
        folder.mkdir(parents=True, exist_ok=True)
        if content is None:
            content = onnx_files.add_relu("weights.bin" if external else None)
        if external:
            (folder / "weights.bin").write_bytes(onnx_files.floats(onnx_files.WEIGHTS))
        (folder / "model.onnx").write_bytes(content)
        return {"name": "model", "model": "components/model/model.onnx",
                "original_sha256": hashlib.sha256(content).hexdigest()}

    def target(self):
        if "target" not in self.settings:
            raise Failure("no target is given: write backends/NAME.json or use --target")
        return self.settings["target"]

    def question(self, component, **more):
        for folder in ("out", "scratch"):
            path = self.folder / folder
            if path.exists():
                shutil.rmtree(path)
            path.mkdir()
        return {"component": component, "target": self.target(),
                "scopes": [{"name": "model", "node_count": 2, "inputs": ["x"], "outputs": ["y"]}],
                "options": self.settings.get("options", {}), "scratch_dir": "scratch",
                "output_dir": "out", "variant_name": f"test-{self.name}", **more}

    def compile(self, component, **more):
        return self.answer("compile", self.question(component, **more)).response

    def compiled(self, component, **more):
        """A compile that must give variants; the answer and {path: bytes} of all blobs."""
        response = self.compile(component, **more)
        if response["status"] == "no-gain":
            raise Skip(f"no gain on this model: {response['reason']}")
        expect(response["status"] == "ok", f"compile: {response['status']}: {response.get('reason')}")
        blobs = {}
        for variant in response["variants"]:
            for partition in variant["partitions"]:
                for blob in partition["blobs"]:
                    blobs[blob["path"]] = self.read_blob(blob)
        return response, blobs

    def read_blob(self, blob):
        path = blob["path"]
        expect(not path.startswith("/") and ".." not in path.split("/"), f"blob path {path!r} leaves the output folder")
        file = self.folder / "out" / path
        expect(file.is_file() and not file.is_symlink(), f"blob {path!r} is no regular file")
        content = file.read_bytes()
        expect(content, f"blob {path!r} is empty")
        expect(blob.get("size", len(content)) == len(content), f"blob {path!r}: size differs from the answer")
        digest = hashlib.sha256(content).hexdigest()
        expect(blob.get("sha256", digest) == digest, f"blob {path!r}: digest differs from the answer")
        return content

    def run_request(self, **more):
        for folder in ("run-out", "run-scratch"):
            (self.folder / folder).mkdir(exist_ok=True)
        (self.folder / "x.bin").write_bytes(onnx_files.floats(onnx_files.X))
        return {"root": ".", "component_name": "model", "model": "components/model/model.onnx",
                "inputs": [{"name": "x", "type": "tensor(float)", "shape": [2, 3], "path": "x.bin"}],
                "output_dir": "run-out", "scratch_dir": "run-scratch", "warmup": 1, "runs": 3, "threads": 1, **more}
